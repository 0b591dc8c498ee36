// A running sandbox, found by its control door: `node …mjs CONTROL_URL`.

/** Every scope that the app of these tests asks for. */
export const SCOPES = [
    'contacts.readonly',
    'contacts.write',
    'locations.readonly',
    'locations/customFields.readonly',
    'locations/tasks.readonly',
    'opportunities.readonly',
    'oauth.readonly',
    'oauth.write',
];

export class Sandbox {
    /** The sandbox whose control door this is; its addresses, ids and tokens become fields of it. */
    static async at(control) {
        if (!control) throw new Error('name the control door: http://127.0.0.1:PORT');
        const sandbox = new Sandbox();
        return Object.assign(sandbox, { control }, await (await fetch(`${control}/`)).json());
    }

    /** Asks the control door. */
    async ask(method, path, body) {
        const answer = await fetch(this.control + path, { method, body: body === undefined ? body : JSON.stringify(body) });
        if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
        return answer.json();
    }

    /** What the redirect of the vendor's page brings back when somebody has chosen there. `link` may name any host. */
    async choose(link, choice) {
        const { pathname, searchParams } = new URL(link);
        for (const [name, value] of Object.entries(choice)) searchParams.set(name, value);
        const answer = await fetch(`${this.crm}${pathname}?${searchParams}`, { redirect: 'manual' });
        if (answer.status !== 302) throw new Error(`${pathname}: ${answer.status} ${await answer.text()}`);
        return new URL(answer.headers.get('location')).searchParams;
    }

    /** The calls for a token so far, of one kind. */
    async tokenCalls(grantType) {
        const { calls } = await this.ask('GET', '/oauth/log');
        return calls.filter((call) => call.grant_type === grantType);
    }
}
