// OAuth 2.0 as the client does it: a code for tokens, tokens kept in its session storage, one refresh when they end, an agency's token for a
// location's.

import { SCOPES } from '../sandbox.mjs';
import { must, same, step } from '../steps.mjs';

const REDIRECT = 'https://app.example.com/oauth/callback';

/** Answers with a client that has a session of the agency. */
export async function oauth(sandbox, app) {
    const ghl = app();
    const locationId = sandbox.location;
    const sessions = ghl.getSessionStorage();
    const as = { headers: { locationId } };

    const code = await step('oauth: somebody chooses a location', async () => {
        const link = ghl.oauth.getAuthorizationUrl(sandbox.oauth_client_id, REDIRECT, SCOPES.join(' '));
        const brought = await sandbox.choose(link, { location_id: locationId, state: 'a b/1' });
        same(brought.get('state'), 'a b/1', 'the state');
        return must(brought.get('code'), 'a code');
    });
    await step('oauth: the code for tokens, kept as a session', async () => {
        const tokens = await exchanged(ghl, sandbox, code, 'Location');
        same([tokens.userType, tokens.locationId, tokens.companyId], ['Location', locationId, sandbox.company], 'whose');
        await sessions.setSession(locationId, tokens);
        await ghl.contacts.getContacts({ locationId, limit: 1 });
    });
    await step('oauth: a code is good once', async () => {
        const again = await exchanged(ghl, sandbox, code, 'Location').catch((error) => error);
        same(again.statusCode, 401, 'status');
    });
    await step('oauth: an expired token is refreshed once, by many calls at once', async () => {
        const before = await sessions.getSession(locationId);
        const refreshes = (await sandbox.tokenCalls('refresh_token')).length;
        await sandbox.ask('POST', '/oauth/expire', { location: locationId });
        const answers = await Promise.all(Array.from({ length: 8 }, () => ghl.contacts.getContacts({ locationId, limit: 1 }, as)));
        same(answers.length, 8, 'answers');
        const after = await sessions.getSession(locationId);
        must(before.access_token !== after.access_token && before.refresh_token !== after.refresh_token, 'both tokens are new');
        const calls = await sandbox.tokenCalls('refresh_token');
        same(calls.slice(refreshes).map((call) => call.outcome), ['issued'], 'refreshes');
    });
    await step('oauth: a contact by id, refreshed by the header that names the location', async () => {
        const { contacts } = await sandbox.ask('GET', '/contacts');
        await sandbox.ask('POST', '/oauth/expire', { location: locationId });
        const { contact } = await ghl.contacts.getContact({ contactId: contacts[0] }, as);
        same(contact.id, contacts[0], 'the contact');
    });
    await step('oauth: what is about to end is refreshed before it is used', async () => {
        await sandbox.ask('PUT', '/oauth/life', { token_life_s: 10 });
        await sandbox.ask('POST', '/oauth/expire', { location: locationId });
        await ghl.contacts.getContacts({ locationId, limit: 1 }, as);
        await sandbox.ask('PUT', '/oauth/life', { token_life_s: 86_399 });
        const refreshes = (await sandbox.tokenCalls('refresh_token')).length;
        await ghl.contacts.getContacts({ locationId, limit: 1 }, as);
        await ghl.contacts.getContacts({ locationId, limit: 1 }, as);
        same((await sandbox.tokenCalls('refresh_token')).length, refreshes + 1, 'refreshes');
    });
    await agency(sandbox, ghl);
    return ghl;
}

async function agency(sandbox, ghl) {
    const { company: companyId } = sandbox;
    const other = sandbox.locations[1];
    await step('oauth: an agency installs the app everywhere', async () => {
        const link = ghl.oauth.getAuthorizationUrl(sandbox.oauth_client_id, REDIRECT, SCOPES.join(' '));
        const brought = await sandbox.choose(link, { company: 'true' });
        const tokens = await exchanged(ghl, sandbox, must(brought.get('code'), 'a code'), 'Company');
        same([tokens.userType, tokens.isBulkInstallation, tokens.locationId], ['Company', true, undefined], 'whose');
        await ghl.getSessionStorage().setSession(companyId, tokens);
    });
    await step('oauth: where it is installed', async () => {
        const [appId] = sandbox.oauth_client_id.split('-');
        const { locations } = await ghl.oauth.getInstalledLocation({ companyId, appId, isInstalled: true });
        same(locations.map((row) => row._id).sort(), [...sandbox.locations].sort(), 'locations');
    });
    await step("oauth: the agency's token for a location's", async () => {
        const tokens = await ghl.oauth.getLocationAccessToken({ companyId, locationId: other });
        same([tokens.userType, tokens.locationId], ['Location', other], 'whose');
        await ghl.getSessionStorage().setSession(other, tokens);
        const { contacts } = await ghl.contacts.getContacts({ locationId: other, limit: 1 });
        same(contacts[0].locationId, other, 'whose contacts');
    });
    await step("oauth: a location's refresh that is refused falls back on the agency", async () => {
        const sessions = ghl.getSessionStorage();
        const tokens = await sessions.getSession(other);
        await sessions.setSession(other, { ...tokens, refresh_token: 'gone' });
        await sandbox.ask('POST', '/oauth/expire', { location: other });
        const { contacts } = await ghl.contacts.getContacts({ locationId: other, limit: 1 }, { headers: { locationId: other } });
        same(contacts[0].locationId, other, 'whose contacts');
    });
}

function exchanged(ghl, sandbox, code, userType) {
    return ghl.oauth.getAccessToken({
        client_id: sandbox.oauth_client_id, client_secret: sandbox.oauth_client_secret, grant_type: 'authorization_code', code,
        user_type: userType, redirect_uri: REDIRECT,
    });
}
