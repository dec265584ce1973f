import { Refusal } from './envelope.ts';

/** What a caller may write of a token. Everything else in a body is ignored [A], as it is read-only. */
interface WritableFields {
  note?: string;
  status?: 1 | 2;
}

const UTF8 = new TextDecoder('utf-8', { fatal: true });

/**
 * Reads the body of POST, PATCH and PUT.
 * @throws Refusal 400/1400 with a text like the ones LM passes on from Jackson; [A] an empty body, a status
 * other than 1 and 2, and a note that is no string are such.
 */
export function parseBody(body: Uint8Array): WritableFields {
  const json = parseJson(body);
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    throw new Refusal(400, unfit('com.santaba.server.rest.v3.model.APIToken', json));
  }
  const fields: WritableFields = {};
  if ('note' in json && json.note !== null) {
    if (typeof json.note !== 'string') throw new Refusal(400, unfit('java.lang.String', json.note, 'note'));
    fields.note = json.note;
  }
  if ('status' in json && json.status !== null) {
    if (json.status !== 1 && json.status !== 2) {
      throw new Refusal(400, unfit('java.lang.Integer', json.status, 'status'));
    }
    fields.status = json.status;
  }
  return fields;
}

function parseJson(body: Uint8Array): unknown {
  if (body.length === 0) {
    throw new Refusal(
      400,
      'No content to map due to end-of-input\n at [Source: (org.eclipse.jetty.server.HttpInputOverHTTP); line: 1, column: 0]',
    );
  }
  try {
    return JSON.parse(UTF8.decode(body));
  } catch {
    throw new Refusal(
      400,
      'com.fasterxml.jackson.core.JsonParseException: Unexpected character or invalid UTF-8\n at [Source: (org.eclipse.jetty.server.HttpInputOverHTTP); line: 1]',
    );
  }
}

function unfit(type: string, value: unknown, field?: string): string {
  const through = field === undefined ? '' : ` (through reference chain: APIToken["${field}"])`;
  return `com.fasterxml.jackson.databind.exc.MismatchedInputException: Cannot deserialize value of type \`${type}\` from ${JSON.stringify(value)}${through}`;
}
