// The last step of the build: what `faultline list` would otherwise have to ask the whole model for.
const { writeFileSync } = require('node:fs');
const { join } = require('node:path');
const { lists } = require('../dist/cli/lists.js');

const written = Object.fromEntries(Object.entries(lists).map(([name, list]) => [name, list()]));
writeFileSync(join(__dirname, '..', 'dist', 'cli', 'lists.json'), JSON.stringify(written));
