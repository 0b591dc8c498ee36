// Webhooks at a real receiver: express with the raw body kept, and the client's own middleware behind it.

import { createRequire } from 'node:module';

import { eventually, must, same, step } from '../steps.mjs';

const express = createRequire(import.meta.url)('express');
const HEADER = 'x-ghl-signature';

export async function webhooks(sandbox, ghl) {
    const receiver = await open(ghl);
    const target = receiver.url;
    const seen = (kind) => eventually(`a webhook ${kind}`, () => receiver.letters.find((letter) => letter.type === kind));

    const letter = await step('webhooks: what is simulated is signed', async () => {
        const contact = { id: 'c1', firstName: 'Zoë', email: 'zoe@example.com' };
        const sent = await sandbox.ask('POST', '/simulate', { type: 'ContactCreate', contact, target });
        same(sent.status, 200, 'status');
        const found = await seen('ContactCreate');
        same([found.valid, found.skipped], [true, false], 'valid, skipped');
        return found;
    });
    await step('webhooks: a body that was touched is not', async () => {
        const touched = [letter.raw.toString().replace('zoe@', 'eve@'), JSON.stringify(JSON.parse(letter.raw), null, 1)];
        for (const body of touched) same((await post(receiver, body, letter.signature)).valid, false, body);
        same((await post(receiver, letter.raw, Buffer.alloc(64).toString('base64'))).valid, false, 'another signature');
        const unsigned = await post(receiver, letter.raw, undefined);
        same([unsigned.valid, unsigned.skipped], [false, true], 'no signature: valid, skipped');
        same((await post(receiver, letter.raw, letter.signature)).valid, true, 'the same again');
    });
    await step('webhooks: whatever is played is signed', async () => {
        const from = receiver.letters.length;
        const { fired } = await sandbox.ask('POST', '/play', { changes: 40, seed: 3, target });
        const fresh = receiver.letters.slice(from);
        same(fresh.length, fired.length, 'webhooks');
        same(fresh.filter((one) => !one.valid).map((one) => one.type), [], 'those that are not valid');
        must(new Set(fresh.map((one) => one.type)).size > 5, 'kinds');
    });
    await step("webhooks: the client's own write comes back as one", async () => {
        await sandbox.ask('PUT', '/subscription', { url: target });
        receiver.letters.length = 0;
        const locationId = sandbox.location;
        const { contact } = await ghl.contacts.createContact({ locationId, email: 'will.vendor@example.com' }, { headers: { locationId } });
        const found = await seen('ContactCreate');
        same([found.valid, found.body.id], [true, contact.id], 'valid, whose');
    });
    await step("webhooks: UNINSTALL takes the location's session away, INSTALL brings one", async () => {
        const other = sandbox.locations[1];
        const sessions = ghl.getSessionStorage();
        await sandbox.ask('POST', '/oauth/uninstall', { location: other });
        same((await seen('UNINSTALL')).valid, true, 'valid');
        same(await sessions.getSession(other), null, 'the session');
        await sandbox.ask('POST', '/oauth/install', { location: other });
        const { valid, failed } = await seen('INSTALL');
        same([valid, failed], [true, undefined], 'valid, failed');
        must((await sessions.getSession(other)).access_token, 'a session');
        const { contacts } = await ghl.contacts.getContacts({ locationId: other, limit: 1 });
        same(contacts[0].locationId, other, 'whose contacts');
    });
    await sandbox.ask('PUT', '/subscription', null);
    receiver.close();
}

/** A receiver on a free port. Each letter is noted before it is answered. */
async function open(ghl) {
    const letters = [];
    const app = express();
    app.use(express.json({ verify: (request, _response, raw) => { request.rawBody = raw; } }));
    app.post('/hook', ghl.webhooks.subscribe(), (request, response) => {
        const noted = {
            type: request.body.type, body: request.body, raw: request.rawBody, signature: request.headers[HEADER],
            valid: request.isSignatureValid, skipped: request.skippedSignatureVerification, failed: request.installTokenError,
        };
        letters.push(noted);
        response.json({ valid: noted.valid, skipped: noted.skipped });
    });
    const server = app.listen(0, '127.0.0.1');
    await new Promise((listening) => server.once('listening', listening));
    return { letters, url: `http://127.0.0.1:${server.address().port}/hook`, close: () => server.close() };
}

async function post(receiver, body, signature) {
    const headers = { 'content-type': 'application/json', ...(signature && { [HEADER]: signature }) };
    const answer = await fetch(receiver.url, { method: 'POST', headers, body });
    return answer.json();
}
