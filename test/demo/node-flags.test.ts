import { readFileSync } from 'node:fs';
import t from 'tap';
import { NODE_FLAGS } from '../../demo/broker.ts';
import { projectFile } from '../../src/project-files.ts';

t.test('the demo, `npm start` and the image run the broker with the same flags of Node', async (t) => {
  const { scripts } = JSON.parse(readFileSync(projectFile('package.json'), 'utf8'));
  t.equal(scripts.start, `node ${NODE_FLAGS.join(' ')} dist/src/main.js`);
  const image = readFileSync(projectFile('Dockerfile'), 'utf8');
  const entry = JSON.stringify(['node', ...NODE_FLAGS])
    .slice(0, -1)
    .replaceAll('","', '", "');
  t.ok(image.includes(`ENTRYPOINT ${entry}`), `the image starts with ${entry}`);
});
