// The CRM's own API description (OpenAPI 3.0), as validators of answers.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const require = createRequire(import.meta.url);
const Ajv = require('ajv-draft-04');
const addFormats = require('ajv-formats');

/** The descriptions that are read from the folder. */
export const FILES = ['contacts', 'locations', 'oauth'].map((name) => `${name}.patched.json`);

export class Spec {
    /** All descriptions of a folder; a schema's name counts within its own file only. */
    static read(folder) {
        const spec = new Spec();
        spec.operations = new Map();
        for (const file of FILES) {
            const ajv = addFormats(new Ajv({ allErrors: true, strict: false, logger: false }));
            const document = plain(JSON.parse(readFileSync(join(folder, file), 'utf8')));
            corrected(document.components.schemas);
            ajv.addSchema({ id: file, components: document.components });
            for (const [path, methods] of Object.entries(document.paths)) {
                for (const [method, { responses }] of Object.entries(methods)) {
                    spec.operations.set(`${method.toUpperCase()} ${path}`, { ajv, file, responses, document });
                }
            }
        }
        return spec;
    }

    /** The statuses an operation declares. */
    statuses(operation) {
        return Object.keys(this.found(operation).responses).map(Number);
    }

    /** What is wrong with a body by the schema the operation declares for this status; `none` if it declares no schema. */
    wrong(operation, status, body) {
        const { ajv, file, responses, document } = this.found(operation);
        const schema = responses[status]?.content?.['application/json']?.schema;
        if (!schema) return 'none';
        const valid = ajv.compile(placed(schema, file));
        const complaints = valid(body) ? [] : valid.errors.map((error) => `${error.instancePath || '/'} ${error.message}`);
        return [...complaints, ...strange(schema, body, document)];
    }

    found(operation) {
        const found = this.operations.get(operation);
        if (!found) throw new Error(`the description has no ${operation}`);
        return found;
    }
}

/** Nearly every property is optional there, so that `{}` would fit: an answer must have one of those that are declared. */
function strange(schema, body, document) {
    const declared = schema.$ref ? document.components.schemas[schema.$ref.split('/').at(-1)] : schema;
    const names = Object.keys(declared.properties ?? {});
    return names.length === 0 || names.some((name) => name in body) ? [] : [`/ has none of ${names.join(', ')}`];
}

/** A task that a search finds is said to be a list, of nothing in particular. */
function corrected({ LocationTaskListSuccessfulResponseDto: found }) {
    if (found?.properties.tasks.items.type === 'array') found.properties.tasks.items = { type: 'object', required: ['id', 'title'] };
}

/** OpenAPI 3.0's own words as those of draft 04: what may be null and has no type or a list of values is an alternative. */
function plain(node) {
    if (Array.isArray(node)) return node.map(plain);
    if (node === null || typeof node !== 'object') return node;
    // Examples are no schemas; some hold keys that look like them.
    const entries = Object.entries(node).filter(([key]) => key !== 'example' && key !== 'examples');
    const { nullable, ...schema } = Object.fromEntries(entries.map(([key, value]) => [key, plain(value)]));
    if (nullable === undefined || typeof nullable === 'object') return nullable === undefined ? schema : { ...schema, nullable };
    return nullable ? { anyOf: [schema, { enum: [null] }] } : schema;
}

/** A schema that stands outside the components refers to them by their file. */
function placed(node, file) {
    if (Array.isArray(node)) return node.map((item) => placed(item, file));
    if (node === null || typeof node !== 'object') return node;
    const entry = ([key, value]) => [key, key === '$ref' ? file + value : placed(value, file)];
    return Object.fromEntries(Object.entries(node).map(entry));
}
