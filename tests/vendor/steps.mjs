// Steps that are named: one line each, and the first that fails ends the program with its name.

import { isDeepStrictEqual } from 'node:util';

/** Runs one step and passes on what it found. */
export async function step(name, run) {
    try {
        const found = await run();
        console.log(`ok    ${name}`);
        return found;
    } catch (error) {
        console.error(`wrong ${name}\n${error.stack ?? error}`);
        if (error.response) console.error(`the answer was ${error.statusCode} ${JSON.stringify(error.response)}`);
        process.exit(1);
    }
}

/** The value, which must hold. */
export function must(value, what) {
    if (!value) throw new Error(`not so: ${what}`);
    return value;
}

/** Both must be the same. */
export function same(found, wanted, what) {
    if (isDeepStrictEqual(found, wanted)) return;
    throw new Error(`${what}: ${JSON.stringify(found)} instead of ${JSON.stringify(wanted)}`);
}

/** The error of a call that must fail with this status. */
export async function refused(call, status, message) {
    let answer;
    try {
        answer = await call;
    } catch (error) {
        same(error.statusCode, status, 'status');
        if (message) must(message.test(error.message), `${message} in ${error.message}`);
        return error;
    }
    throw new Error(`${status} was wanted, and this came: ${JSON.stringify(answer)}`);
}

/** Looks until there is something to see. */
export async function eventually(what, look) {
    const deadline = Date.now() + 20_000;
    for (;;) {
        const seen = await look();
        if (seen) return seen;
        if (Date.now() > deadline) throw new Error(`not within 20 s: ${what}`);
        await new Promise((again) => setTimeout(again, 20));
    }
}
