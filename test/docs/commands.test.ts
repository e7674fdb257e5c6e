/** What the help of a command shows to be typed, as far as it names only what is built in. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { faultline } from '../cli/terminal';

const page = readFileSync(join(__dirname, '..', '..', 'docs', 'commands.md'), 'utf8');
const all = [...page.matchAll(/^ {2}\$ faultline (explain|replay|list)\b(.*)$/gm)];
const examples = all
  .map(([, command, rest]) => `${command}${rest}`)
  .filter((one) => !/--(output|c)\b/.test(one));

test.each(examples)(
  'faultline %s',
  async (example) => {
    const { code, stdout, stderr } = await faultline(example.split(' '));
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).not.toBe('');
  },
  60_000,
);
