// Contacts themselves, as the client asks for them.

import { must, refused, same, step } from '../steps.mjs';

export async function contacts(sandbox, ghl) {
    const locationId = sandbox.location;
    const email = 'zoe.vendor@example.com';
    const phone = '+16505551212';

    const id = await step('contacts: create', async () => {
        const customFields = await fieldsOf(ghl, locationId);
        const { contact } = await ghl.contacts.createContact({
            locationId, email, phone, firstName: 'Zoe', lastName: 'Vendor', country: 'US', dateOfBirth: '1990-01-31', tags: ['vip'], customFields,
        });
        same([contact.email, contact.firstName, contact.tags], [email, 'Zoe', ['vip']], 'the contact');
        same([contact.birthMonth, contact.birthDay], [1, 31], 'the birthday');
        same(contact.customFields.map((field) => field.id), customFields.map((field) => field.id), 'its fields');
        return must(contact.id, 'an id');
    });

    await step('contacts: create: a duplicate is refused and named', async () => {
        const error = await refused(ghl.contacts.createContact({ locationId, email }), 400, /duplicated contacts/);
        same([error.response.meta.contactId, error.response.meta.matchingField], [id, 'email'], 'the meta');
    });

    await step('contacts: get', async () => {
        const { contact } = await ghl.contacts.getContact({ contactId: id });
        same([contact.id, contact.phone, contact.locationId], [id, phone, locationId], 'the contact');
    });

    await step('contacts: update replaces the tags', async () => {
        const answer = await ghl.contacts.updateContact({ contactId: id }, { city: 'Vienna', tags: ['a', 'b'] });
        same([answer.succeded, answer.contact.city, answer.contact.tags], [true, 'Vienna', ['a', 'b']], 'the answer');
    });

    await step('contacts: upsert: changed', async () => {
        const answer = await ghl.contacts.upsertContact({ locationId, email, lastName: 'Changed' });
        same([answer.new, answer.contact.id, answer.contact.lastName], [false, id, 'Changed'], 'the answer');
    });

    const other = await step('contacts: upsert: made', async () => {
        const answer = await ghl.contacts.upsertContact({ locationId, email: 'yan.vendor@example.com', firstName: 'Yan' });
        same(answer.new, true, 'new');
        return answer.contact.id;
    });

    await step('contacts: duplicate: by e-mail, by number, nobody', async () => {
        const asked = async (by) => (await ghl.contacts.getDuplicateContact({ locationId, ...by })).contact?.id ?? null;
        same([await asked({ email }), await asked({ number: phone }), await asked({ email: 'no@example.com' })], [id, id, null], 'found');
    });

    await step('contacts: tags: add and remove', async () => {
        const added = await ghl.contacts.addTags({ contactId: id }, { tags: ['b', 'vendor'] });
        same([added.tags, added.tagsAdded], [['a', 'b', 'vendor'], ['vendor']], 'after adding');
        const removed = await ghl.contacts.removeTags({ contactId: id }, { tags: ['a', 'x'] });
        same([removed.tags, removed.tagsRemoved], [['b', 'vendor'], ['a']], 'after removing');
    });

    await step('contacts: followers: add and remove', async () => {
        const added = await ghl.contacts.addFollowersContact({ contactId: id }, { followers: ['u1', 'u2'] });
        same([added.followers, added.followersAdded], [['u1', 'u2'], ['u1', 'u2']], 'after adding');
        const removed = await ghl.contacts.removeFollowersContact({ contactId: id }, { followers: ['u1'] });
        same([removed.followers, removed.followersRemoved], [['u2'], ['u1']], 'after removing');
    });

    const everybody = await step('contacts: list, page by page', () => listed(ghl, locationId));
    must(everybody.has(id) && everybody.has(other), 'the list holds the new contacts');

    await step('contacts: search, page by page, finds whom the list lists', async () => {
        const found = await searched(ghl, locationId);
        same([...found].sort(), [...everybody.keys()].sort(), 'ids');
    });

    await step('contacts: search by filter', async () => {
        const filters = [{ field: 'tags', operator: 'contains', value: 'vendor' }];
        const answer = await ghl.contacts.searchContactsAdvanced({ locationId, pageLimit: 10, filters });
        same([answer.total, answer.contacts.map((row) => row.id)], [1, [id]], 'the answer');
    });

    await step('contacts: of a business', async () => {
        const businessId = must([...everybody.values()].map((row) => row.businessId).find(Boolean), 'a business');
        const theirs = [...everybody.values()].filter((row) => row.businessId === businessId).map((row) => row.id);
        const answer = await ghl.contacts.getContactsByBusinessId({ businessId, locationId, limit: '100', skip: '0' });
        same([answer.count, answer.contacts.map((row) => row.id).sort()], [theirs.length, theirs.sort()], 'the answer');
    });

    await step('contacts: delete', async () => {
        for (const contactId of [id, other]) {
            same((await ghl.contacts.deleteContact({ contactId })).succeded, true, 'succeded');
            await refused(ghl.contacts.getContact({ contactId }), 400, /not found/);
        }
    });
}

/** A value for the location's first two custom fields of text. */
async function fieldsOf(ghl, locationId) {
    const { customFields } = await ghl.locations.getCustomFields({ locationId, model: 'contact' });
    const texts = customFields.filter((field) => field.dataType === 'TEXT' || field.dataType === 'LARGE_TEXT').slice(0, 2);
    must(texts.length > 0, 'a custom field of text');
    return texts.map((field) => ({ id: field.id, field_value: 'said' }));
}

async function listed(ghl, locationId) {
    const rows = new Map();
    let from = {};
    for (;;) {
        const { contacts: page, meta } = await ghl.contacts.getContacts({ locationId, limit: 7, ...from });
        for (const row of page) {
            must(!rows.has(row.id), `${row.id} comes once`);
            rows.set(row.id, row);
        }
        if (!meta.startAfterId) {
            same(rows.size, meta.total, 'rows');
            return rows;
        }
        from = { startAfter: meta.startAfter, startAfterId: meta.startAfterId };
    }
}

async function searched(ghl, locationId) {
    const ids = new Set();
    let from = {};
    for (;;) {
        const sort = [{ field: 'dateUpdated', direction: 'asc' }];
        const { contacts: page, total } = await ghl.contacts.searchContactsAdvanced({ locationId, pageLimit: 7, sort, ...from });
        for (const row of page) {
            must(!ids.has(row.id), `${row.id} comes once`);
            ids.add(row.id);
        }
        if (page.length < 7) {
            same(ids.size, total, 'rows');
            return ids;
        }
        from = { searchAfter: page.at(-1).searchAfter };
    }
}
