import { writeFileSync } from 'node:fs';
import { auditRecordJsonSchema } from './record.ts';

// Run by `npm run openapi`. A test fails when the file is stale.
const file = new URL('../../openapi/audit-record.schema.json', import.meta.url);
writeFileSync(file, `${JSON.stringify(auditRecordJsonSchema(), null, 2)}\n`);
