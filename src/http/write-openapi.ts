import { writeFileSync } from 'node:fs';
import { projectFile } from '../project-files.ts';
import { openApiYaml } from './openapi-yaml.ts';

writeFileSync(projectFile('openapi/openapi.yaml'), await openApiYaml());
