// What the client makes of errors: each has a class of its own there.

import { refused, same, step } from '../steps.mjs';

export async function refusals(sandbox, client) {
    const locationId = sandbox.location;
    const pit = (privateIntegrationToken) => client({ privateIntegrationToken });
    const ghl = pit(sandbox.crm_token);

    await step('refusals: a token nobody gave', async () => {
        const error = await refused(pit('pit-0').contacts.getContact({ contactId: 'x' }), 401, /Invalid Private Integration token/);
        same(error.code, 'AUTHENTICATION', 'code');
    });
    await step('refusals: a scope the token lacks', async () => {
        const { token } = await sandbox.ask('POST', '/tokens', { location: locationId, scopes: ['contacts.readonly'] });
        await refused(pit(token).contacts.createContact({ locationId }), 401, /not authorized for this scope/);
    });
    await step('refusals: another location', async () => {
        const { token } = await sandbox.ask('POST', '/tokens', { location: locationId, scopes: ['contacts.readonly'] });
        const error = await refused(pit(token).contacts.getContacts({ locationId: sandbox.locations[1] }), 403, /access to this location/);
        same(error.code, 'FORBIDDEN', 'code');
    });
    await step('refusals: a property the API does not know', async () => {
        const error = await refused(ghl.contacts.createContact({ locationId, additionalEmails: [] }), 422);
        same(error.response.message, ['property additionalEmails should not exist'], 'message');
        same(error.code, 'VALIDATION', 'code');
    });
    await step('refusals: more than the location may ask', async () => {
        const before = await sandbox.ask('GET', '/allowance');
        await sandbox.ask('PUT', '/allowance', { requests: 1, per_ms: 60_000 });
        await ghl.locations.getLocation({ locationId }).catch(() => undefined);
        const error = await refused(ghl.locations.getLocation({ locationId }), 429, /Too Many Requests/);
        same([error.code, error.rateLimit.scope, error.rateLimit.intervalMs], ['RATE_LIMIT', 'burst', 60_000], 'the limit');
        await sandbox.ask('PUT', '/allowance', before);
    });
    await step('refusals: what is met before the burst is over is tried again', async () => {
        const before = await sandbox.ask('GET', '/allowance');
        await sandbox.ask('PUT', '/allowance', { requests: 1, per_ms: 200 });
        const patient = client({ privateIntegrationToken: sandbox.crm_token, rateLimitRetry: { maxRetries: 8 } });
        const answers = await Promise.all([1, 2, 3].map(() => patient.locations.getLocation({ locationId })));
        same(answers.map(({ location }) => location.id), [locationId, locationId, locationId], 'answers');
        await sandbox.ask('PUT', '/allowance', before);
    });
}
