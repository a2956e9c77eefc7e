// Parses docs/asyncapi.yaml with its Protobuf payloads; prints what is wrong with it, and what there is.
import { readFile } from 'node:fs/promises';
import { Parser } from '@asyncapi/parser';
import { ProtoBuffSchemaParser } from '@asyncapi/protobuf-schema-parser';

const parser = new Parser();
parser.registerSchemaParser(ProtoBuffSchemaParser());
const { document, diagnostics } = await parser.parse(await readFile(process.argv[2], 'utf8'));
// 0 is an error, 1 a warning; the rest are hints on style.
const wrong = diagnostics.filter(({ severity }) => severity <= 1);
for (const { severity, path, message, code } of wrong) {
  console.error(`${['error', 'warning'][severity]} ${code} at ${path.join('.')}: ${message}`);
}
if (wrong.length > 0 || !document) process.exit(1);
for (const message of document.components().messages().all()) {
  const properties = Object.keys(message.payload()?.properties() ?? {});
  if (properties.length === 0) throw new Error(`${message.id()} has no fields`);
}
console.log(`asyncapi: ${document.channels().all().length} channels, ${document.operations().all().length} operations, `
  + `${document.components().messages().all().length} messages`);
