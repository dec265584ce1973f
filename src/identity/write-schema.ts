import { writeFileSync } from 'node:fs';
import { issuersJsonSchema } from './issuers.ts';

// Run by `npm run openapi`. CI fails when the file is stale.
const file = new URL('../../openapi/issuers.schema.json', import.meta.url);
writeFileSync(file, `${JSON.stringify(issuersJsonSchema(), null, 2)}\n`);
