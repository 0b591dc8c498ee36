// Every operation the sandbox has of those in the API description, each with a request that goes well and, where one exists, some that do not.
// A status that no request brings about (a validator has nothing to say of a path) is asked for at the control door instead.

/** What the description says otherwise than the vendor's servers do: they answer 201 here. */
export const ANSWERED_201 = new Set(['POST /oauth/locationToken']);


/** Operation → the requests: `ask` goes well, `bad` gets 400, `odd` 422, `unauthorized` 401; each is made first, with what it needs. */
export function operations(sandbox, call) {
    const { location, company } = sandbox;
    const nobody = '/contacts/AAAAAAAAAAAAAAAAAAAA';
    const strange = { surprise: 1 };
    let numbers = 0;
    const email = () => `person${(numbers += 1)}@example.com`;
    const born = async (more = {}) => (await call('POST', '/contacts/', { locationId: location, email: email(), firstName: 'Ann', ...more })).contact;
    const contact = async () => `/contacts/${(await born()).id}`;
    const task = { title: 'Call', dueDate: '2027-01-31T10:00:00.000Z', completed: false, body: 'soon', assignedTo: 'u1' };
    const note = { body: 'Quote', title: 'Quote', color: '#FFAA00', pinned: true, userId: 'u1' };
    const withTask = async () => {
        const path = `${await contact()}/tasks`;
        return `${path}/${(await call('POST', path, task)).task.id}`;
    };
    const withNote = async () => {
        const path = `${await contact()}/notes`;
        return `${path}/${(await call('POST', path, note)).note.id}`;
    };
    /** One that has them already. */
    const seeded = async (kind, list) => {
        for (const id of (await sandbox.ask('GET', '/contacts')).contacts) {
            const path = `/contacts/${id}/${kind}`;
            if ((await call('GET', path))[list].length > 0) return path;
        }
        throw new Error(`nobody has ${kind}`);
    };
    const business = async () => {
        const { contacts } = await call('GET', `/contacts/?locationId=${location}&limit=100`);
        return `/contacts/business/${contacts.find((row) => row.businessId).businessId}`;
    };
    const at = (ready, after = '') => async () => ({ path: (await ready()) + after });
    const above = (ready) => async () => ({ path: (await ready()).split('/').slice(0, -1).join('/') });
    const saying = (ready, body, after = '') => async () => ({ path: (await ready()) + after, body });
    const everything = {
        locationId: location, lastName: 'Lee', address1: '1 Main St', city: 'Vienna', state: 'W', postalCode: '1010', country: 'AT',
        website: 'https://example.com', timezone: 'Europe/Vienna', dateOfBirth: '1990-01-31', companyName: 'Acme', source: 'test', tags: ['vip'],
        dnd: true, dndSettings: { SMS: { status: 'active', message: 'no', code: '101' } }, inboundDndSettings: { all: { status: 'active' } },
    };
    const place = async () => `/locations/${location}`;
    const agency = async () => `Bearer ${(await tokens(sandbox, call)).access_token}`;
    return {
        'POST /contacts/': {
            ask: async () => ({ path: '/contacts/', body: { ...everything, email: email() } }),
            bad: async () => ({ path: '/contacts/', body: { locationId: location, email: (await born()).email } }),
            odd: async () => ({ path: '/contacts/', body: { locationId: location, ...strange } }),
        },
        'GET /contacts/': {
            ask: async () => ({ path: `/contacts/?locationId=${location}&limit=100` }),
            odd: async () => ({ path: `/contacts/?locationId=${location}&limit=all` }),
        },
        'POST /contacts/search': {
            ask: async () => ({ path: '/contacts/search', body: { locationId: location, pageLimit: 100 } }),
            bad: async () => ({ path: '/contacts/search', body: { locationId: location, pageLimit: 500, page: 500 } }),
            odd: async () => ({ path: '/contacts/search', body: { locationId: location } }),
        },
        'GET /contacts/search/duplicate': {
            ask: async () => ({ path: `/contacts/search/duplicate?locationId=${location}&email=${(await born()).email}` }),
        },
        'POST /contacts/upsert': {
            ask: async () => ({ path: '/contacts/upsert', body: { ...everything, email: (await born()).email } }),
            odd: async () => ({ path: '/contacts/upsert', body: { locationId: location, ...strange } }),
        },
        'GET /contacts/business/{businessId}': {
            ask: at(business, `?locationId=${location}&limit=100`),
            odd: at(business, `?locationId=${location}&limit=all`),
        },
        'GET /contacts/{contactId}': { ask: at(contact), bad: async () => ({ path: nobody }) },
        'PUT /contacts/{contactId}': {
            ask: saying(contact, { ...everything, locationId: undefined, companyName: undefined, phone: null }),
            bad: async () => ({ path: nobody, body: {} }),
            odd: saying(contact, strange),
        },
        'DELETE /contacts/{contactId}': { ask: at(contact), bad: async () => ({ path: nobody }) },
        'GET /contacts/{contactId}/tasks': { ask: above(withTask), bad: async () => ({ path: `${nobody}/tasks` }) },
        'POST /contacts/{contactId}/tasks': {
            ask: saying(contact, task, '/tasks'),
            bad: async () => ({ path: `${nobody}/tasks`, body: task }),
            odd: saying(contact, { ...task, dueDate: 'soon' }, '/tasks'),
        },
        'GET /contacts/{contactId}/tasks/{taskId}': { ask: at(withTask), bad: at(contact, '/tasks/nope') },
        'PUT /contacts/{contactId}/tasks/{taskId}': {
            ask: saying(withTask, { title: 'Write' }),
            bad: saying(contact, {}, '/tasks/nope'),
            odd: saying(withTask, strange),
        },
        'PUT /contacts/{contactId}/tasks/{taskId}/completed': {
            ask: saying(withTask, { completed: true }, '/completed'),
            bad: saying(contact, { completed: true }, '/tasks/nope/completed'),
            odd: saying(withTask, {}, '/completed'),
        },
        'DELETE /contacts/{contactId}/tasks/{taskId}': { ask: at(withTask), bad: at(contact, '/tasks/nope') },
        'GET /contacts/{contactId}/notes': { ask: above(withNote), bad: async () => ({ path: `${nobody}/notes` }) },
        'POST /contacts/{contactId}/notes': {
            ask: saying(contact, note, '/notes'),
            bad: async () => ({ path: `${nobody}/notes`, body: note }),
            odd: saying(contact, { ...note, locationId: location }, '/notes'),
        },
        'GET /contacts/{contactId}/notes/{id}': { ask: at(withNote), bad: at(contact, '/notes/nope') },
        'PUT /contacts/{contactId}/notes/{id}': {
            ask: saying(withNote, { body: 'Order' }),
            bad: saying(contact, {}, '/notes/nope'),
            odd: saying(withNote, strange),
        },
        'DELETE /contacts/{contactId}/notes/{id}': { ask: at(withNote), bad: at(contact, '/notes/nope') },
        'GET /contacts/{contactId}/appointments': {
            ask: async () => ({ path: await seeded('appointments', 'events') }),
            bad: async () => ({ path: `${nobody}/appointments` }),
        },
        'POST /contacts/{contactId}/tags': {
            ask: saying(contact, { tags: ['a', 'b'] }, '/tags'),
            bad: async () => ({ path: `${nobody}/tags`, body: { tags: ['a'] } }),
            odd: saying(contact, { tags: 'a' }, '/tags'),
        },
        'DELETE /contacts/{contactId}/tags': {
            ask: async () => ({ path: `/contacts/${(await born({ tags: ['a', 'b'] })).id}/tags`, body: { tags: ['a'] } }),
            bad: async () => ({ path: `${nobody}/tags`, body: { tags: ['a'] } }),
            odd: saying(contact, {}, '/tags'),
        },
        'POST /contacts/{contactId}/followers': {
            ask: saying(contact, { followers: ['u1'] }, '/followers'),
            bad: async () => ({ path: `${nobody}/followers`, body: { followers: ['u1'] } }),
            odd: saying(contact, {}, '/followers'),
        },
        'DELETE /contacts/{contactId}/followers': {
            ask: saying(contact, { followers: ['u1'] }, '/followers'),
            bad: async () => ({ path: `${nobody}/followers`, body: { followers: ['u1'] } }),
            odd: saying(contact, {}, '/followers'),
        },
        'GET /locations/{locationId}': { ask: at(place) },
        'GET /locations/{locationId}/customFields': { ask: at(place, '/customFields?model=all'), odd: at(place, '/customFields?model=task') },
        'POST /locations/{locationId}/tasks/search': {
            ask: async () => ({ path: `${await place()}/tasks/search`, body: { contactId: [(await withTask()).split('/')[2]], limit: 25, skip: 0 } }),
            odd: saying(place, strange, '/tasks/search'),
        },
        'POST /oauth/token': {
            ask: async () => ({ path: '/oauth/token', body: { ...app(sandbox), grant_type: 'authorization_code', code: await code(sandbox) } }),
            bad: async () => ({ path: '/oauth/token', body: { ...app(sandbox), grant_type: 'authorization_code' } }),
            unauthorized: async () => ({
                path: '/oauth/token',
                body: { ...app(sandbox), client_secret: 'x', grant_type: 'authorization_code', code: await code(sandbox) },
            }),
        },
        'POST /oauth/locationToken': {
            ask: async () => ({ path: '/oauth/locationToken', body: { companyId: company, locationId: location }, token: await agency() }),
            odd: async () => ({ path: '/oauth/locationToken', body: { companyId: company }, token: await agency() }),
        },
        'GET /oauth/installedLocations': {
            ask: async () => {
                const [appId] = sandbox.oauth_client_id.split('-');
                return { path: `/oauth/installedLocations?companyId=${company}&appId=${appId}`, token: await agency() };
            },
            odd: async () => ({ path: '/oauth/installedLocations', token: await agency() }),
        },
    };
}

const app = (sandbox) => ({ client_id: sandbox.oauth_client_id, client_secret: sandbox.oauth_client_secret });
const code = async (sandbox, whose = {}) => (await sandbox.ask('POST', '/oauth/install', whose)).code;
const tokens = async (sandbox, call) =>
    call('POST', '/oauth/token', { ...app(sandbox), grant_type: 'authorization_code', code: await code(sandbox, { company: true }) });
