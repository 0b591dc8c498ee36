// Drives a running sandbox with HighLevel's own Node client: `node sdk.mjs CONTROL_URL`. Nothing here knows how the sandbox is made.

import { createRequire } from 'node:module';

import { Sandbox } from './sandbox.mjs';
import { contacts } from './sdk/contacts.mjs';
import { belongings } from './sdk/belongings.mjs';
import { oauth } from './sdk/oauth.mjs';
import { refusals } from './sdk/refusals.mjs';
import { webhooks } from './sdk/webhooks.mjs';

const { HighLevel } = createRequire(import.meta.url)('@gohighlevel/api-client');

const sandbox = await Sandbox.at(process.argv[2]);
// The client has no option for it; this is the one place where it keeps the address.
HighLevel.BASE_URL = sandbox.crm;
await sandbox.ask('POST', '/reset');
// More calls than the vendor lets through in 10 s are no part of what is shown here.
await sandbox.ask('PUT', '/allowance', { requests: 100_000 });

/** A client; what is not given is as the vendor's guide has it. */
const client = (options) => new HighLevel({ apiVersion: '2021-07-28', logLevel: 'none', ...options });
const app = () =>
    client({
        clientId: sandbox.oauth_client_id,
        clientSecret: sandbox.oauth_client_secret,
        webhookPublicKey: sandbox.webhook_public_key,
    });

await contacts(sandbox, client({ privateIntegrationToken: sandbox.crm_token }));
await belongings(sandbox, client({ privateIntegrationToken: sandbox.crm_token }));
await refusals(sandbox, client);
const installed = await oauth(sandbox, app);
await webhooks(sandbox, installed);
process.exit(0);
