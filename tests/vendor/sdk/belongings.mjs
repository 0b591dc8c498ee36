// What belongs to a contact or a location: tasks, notes, appointments, custom fields, pipelines, opportunities.

import { must, refused, same, step } from '../steps.mjs';

export async function belongings(sandbox, ghl) {
    const locationId = sandbox.location;
    const contactId = await step('belongings: a contact to own them', async () => {
        const { contact } = await ghl.contacts.createContact({ locationId, email: 'xena.vendor@example.com' });
        return contact.id;
    });
    await tasks(ghl, locationId, contactId);
    await notes(ghl, contactId);
    await step('appointments: list', async () => {
        same((await ghl.contacts.getAppointmentsForContact({ contactId })).events, [], 'events of somebody new');
        const { contacts } = await sandbox.ask('GET', '/contacts');
        const all = await Promise.all(contacts.map((id) => ghl.contacts.getAppointmentsForContact({ contactId: id })));
        const [event] = must(all.find(({ events }) => events.length > 0), 'somebody has an appointment').events;
        must(event.calendarId && event.startTime && contacts.includes(event.contactId), JSON.stringify(event));
    });
    await place(ghl, locationId);
    await step('belongings: they go with their contact', async () => {
        await ghl.contacts.deleteContact({ contactId });
        await refused(ghl.contacts.getAllTasks({ contactId }), 400, /not found/);
    });
}

async function tasks(ghl, locationId, contactId) {
    const wanted = { title: 'Call', body: 'about the quote', dueDate: '2027-01-31T10:00:00.000Z', completed: false, assignedTo: 'u1' };
    const taskId = await step('tasks: create', async () => {
        const { task } = await ghl.contacts.createTask({ contactId }, wanted);
        const { id, ...told } = task;
        same(told, { ...wanted, contactId }, 'the task');
        return id;
    });
    const seen = async () => (await ghl.contacts.getTask({ contactId, taskId })).task;
    await step('tasks: get and list', async () => {
        const { tasks: all } = await ghl.contacts.getAllTasks({ contactId });
        same(all, [await seen()], 'tasks');
    });
    await step('tasks: update', async () => {
        const { task } = await ghl.contacts.updateTask({ contactId, taskId }, { title: 'Call back', completed: false });
        same([task.title, task.body], ['Call back', wanted.body], 'the task');
    });
    await step('tasks: complete and reopen', async () => {
        for (const completed of [true, false]) {
            await ghl.contacts.updateTaskCompleted({ contactId, taskId }, { completed });
            same((await seen()).completed, completed, 'completed');
        }
    });
    await step('tasks: search in the location', async () => {
        const found = await ghl.locations.taskSearch({ locationId }, { contactId: [contactId], completed: false });
        same(found.tasks.map((task) => task.id ?? task._id), [taskId], 'tasks');
    });
    await step('tasks: delete', async () => {
        same((await ghl.contacts.deleteTask({ contactId, taskId })).succeded, true, 'succeded');
        await refused(seen(), 400, /not found/);
    });
}

async function notes(ghl, contactId) {
    const wanted = { body: 'Asked for a quote', title: 'Quote', color: '#FFAA00', pinned: true, userId: 'u1' };
    const id = await step('notes: create', async () => {
        const { note } = await ghl.contacts.createNote({ contactId }, wanted);
        const { id: own, dateAdded, ...told } = note;
        same(told, { ...wanted, contactId }, 'the note');
        must(Date.parse(dateAdded), 'a date');
        return own;
    });
    const seen = async () => (await ghl.contacts.getNote({ contactId, id })).note;
    await step('notes: get and list', async () => {
        const { notes: all } = await ghl.contacts.getAllNotes({ contactId });
        same(all, [await seen()], 'notes');
    });
    await step('notes: update', async () => {
        await ghl.contacts.updateNote({ contactId, id }, { body: 'Got a quote' });
        const { body, title } = await seen();
        same([body, title], ['Got a quote', wanted.title], 'the note');
    });
    await step('notes: delete', async () => {
        same((await ghl.contacts.deleteNote({ contactId, id })).succeded, true, 'succeded');
        await refused(seen(), 400, /not found/);
    });
}

async function place(ghl, locationId) {
    await step('locations: get', async () => {
        const { location } = await ghl.locations.getLocation({ locationId });
        same(location.id, locationId, 'the id');
        must(location.country && location.timezone, 'country and time zone');
    });
    await step('locations: custom fields', async () => {
        const { customFields } = await ghl.locations.getCustomFields({ locationId, model: 'contact' });
        must(customFields.length > 0 && customFields.every((field) => field.model === 'contact'), 'fields of contacts');
    });
    await step('opportunities: pipelines and search', async () => {
        const { pipelines } = await ghl.opportunities.getPipelines({ locationId });
        const stages = must(pipelines[0]?.stages, 'stages');
        same(stages.map((stage) => stage.position), [...stages.keys()], 'positions');
        const found = await ghl.opportunities.searchOpportunity({ locationId, limit: 5, page: 1 });
        must(Array.isArray(found.opportunities) && found.meta.total >= found.opportunities.length, JSON.stringify(found.meta));
    });
}
