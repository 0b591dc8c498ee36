// Holds every answer of a running sandbox against the API description: `node responses.mjs CONTROL_URL FOLDER`. Each operation is asked so that it
// goes well and so that it meets every error it declares. One line an operation; the program fails if a single body does not fit.

import { ANSWERED_201, operations } from './operations.mjs';
import { Sandbox } from './sandbox.mjs';
import { Spec } from './spec.mjs';

const [control, folder] = process.argv.slice(2);
const sandbox = await Sandbox.at(control);
const spec = Spec.read(folder);
await sandbox.ask('POST', '/reset');
await sandbox.ask('PUT', '/allowance', { requests: 100_000 });

const OURS = `Bearer ${sandbox.crm_token}`;
const OTHERWISE = { 400: 'bad', 401: 'unauthorized', 422: 'odd' };

async function send(method, { path, body, token = OURS, version = '2021-07-28' }) {
    const headers = { authorization: token, version, 'content-type': 'application/json' };
    if (token === '') delete headers.authorization;
    const answer = await fetch(sandbox.crm + path, { method, headers, body: body && JSON.stringify(body) });
    return { status: answer.status, body: await answer.json() };
}

/** A request that only prepares another and must go well. */
async function call(method, path, body) {
    const answer = await send(method, { path, body });
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.body;
}

/** Brings a declared status about: by a request that deserves it, else at the control door. Says how. */
async function met(method, requests, status) {
    if (status < 300) return [await send(method, await requests.ask()), ''];
    const own = requests[OTHERWISE[status]];
    if (own) return [await send(method, await own()), ''];
    const request = await requests.ask();
    if (status === 401 && request.path !== '/oauth/token') return [await send(method, { ...request, token: '' }), ''];
    if (status === 400) return [await send(method, { ...request, version: '1999-01-01' }), ' by its version'];
    await sandbox.ask('POST', '/faults', { crm: { status } });
    const answer = await send(method, request);
    await sandbox.ask('POST', '/faults', {});
    return [answer, ' by a fault'];
}

let wrong = 0;
let fitting = 0;
for (const [operation, requests] of Object.entries(operations(sandbox, call))) {
    const [method] = operation.split(' ');
    const verdicts = [];
    for (const status of spec.statuses(operation)) {
        const [answer, how] = await met(method, requests, status);
        const wanted = status < 300 && ANSWERED_201.has(operation) ? 201 : status;
        const complaints = answer.status === wanted ? spec.wrong(operation, status, answer.body) : [`the status is ${answer.status}`];
        if (complaints === 'none') {
            verdicts.push(`${status} without a schema`);
        } else if (complaints.length === 0) {
            fitting += 1;
            verdicts.push(`${status} fits${how}`);
        } else {
            wrong += 1;
            verdicts.push(`${status} WRONG${how}: ${complaints.join('; ')} in ${JSON.stringify(answer.body)}`);
        }
    }
    console.log(`${operation}: ${verdicts.join(', ')}`);
}
console.log(`${fitting} answers fit, ${wrong} do not`);
process.exit(wrong === 0 ? 0 : 1);
