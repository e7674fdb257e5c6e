/** What `replay` says of schedules that it cannot follow, and which ones it follows. */
import { faultline, fixtureText, folder, put, replayArguments } from './terminal';

const fixture = put(folder(), 'written-page.yaml', fixtureText('written-page'));
const cell = [fixture, 'dirty-accountable-false'];
const replayed = (token: string): ReturnType<typeof faultline> => faultline(['replay', ...cell, token]);

/** The token of the run that `explain` draws. */
async function witness(): Promise<string> {
  const { stdout } = await faultline(['explain', ...cell]);
  return replayArguments(stdout).at(-1)!;
}

const actors = 'whom written-page does not have; it has a (vcpu), b (monitor)';
const checksum = 'after the dash stand 6 digits of a checksum';
const mayFollow = 'after the steps may stand - and 6 digits 0-9a-f of a checksum, then -hw';

test.each([
  { shows: 'more steps than any run', token: 'a999999999', says: 'has too many steps' },
  { shows: 'them in several turns', token: 'a600000b600000', says: 'no run has more than 1000000' },
  {
    shows: 'more digits than a number has',
    token: `a${'9'.repeat(400)}`,
    says: '999..." has too many steps',
  },
  { shows: 'a word', token: 'hello', says: `has a turn of h, ${actors}` },
  { shows: 'an actor too many', token: 'c1', says: `has a turn of c, ${actors}` },
  { shows: 'one in a whole token', token: 'a2c3-0f3c9e', says: `has a turn of c, ${actors}` },
  {
    shows: 'hardware without its mark',
    token: 'c',
    says: '; further letters are of hardware, in what ends in -hw',
  },
  { shows: 'hardware that is not there', token: 'z-hw', says: '(monitor); of hardware are c to ' },
  {
    shows: 'who waits',
    token: 'b1',
    says: 'cannot be followed: step 1 is of b (monitor), who waits there for',
  },
  { shows: 'who has ended', token: 'a12b13a8b500', says: 'of b (monitor), who has ended by then' },
  { shows: 'nothing after the dash', token: 'a12b13a8-', says: `is cut off: ${checksum}, and 0 are there` },
  { shows: 'half of a checksum', token: 'a12b13a8-54969', says: `is cut off: ${checksum}, and 5 are there` },
  { shows: 'half of -hw', token: 'a12b13a8-549698-h', says: 'is cut off: "-hw" ends what begins like this' },
  { shows: 'a dash more', token: 'a12b13a8-549698-', says: 'is cut off: "-hw" ends what begins like this' },
  { shows: 'a digit too many', token: 'a12-5496981', says: `ends in "-5496981"; ${mayFollow}` },
  { shows: 'no digit', token: 'a12-54969x', says: `ends in "-54969x"; ${mayFollow}` },
  { shows: 'another mode', token: 'ac17-952ac8-hx', says: `ends in "-952ac8-hx"; ${mayFollow}` },
  { shows: 'more than a mode', token: 'ac17-952ac8-hw-x', says: `ends in "-952ac8-hw-x"; ${mayFollow}` },
  { shows: 'turns of no steps', token: 'a0b3', says: 'is no schedule: it cannot be read from "0" on' },
  { shows: 'capitals', token: 'A12-549698', says: 'is no schedule; one looks like a12b3a-0f3c9e' },
  { shows: 'no turns', token: '-549698', says: 'is no schedule; one looks like' },
  { shows: 'nothing', token: '', says: '"" is no schedule; one looks like' },
])('$shows is refused: $token', async ({ token, says }) => {
  const { code, stdout, stderr } = await replayed(token);
  expect(stderr).toContain(says);
  expect(stderr.split('\n')).toHaveLength(2);
  expect(stderr).not.toContain('another version');
  expect({ code, stdout }).toEqual({ code: 64, stdout: '' });
});

test.each([
  { shows: 'no steps', token: '0' },
  { shows: 'the first steps', token: 'a3' },
  { shows: 'the first steps with hardware', token: 'a3-hw' },
])('$shows are followed: $token', async ({ token }) => {
  expect((await replayed(token)).code).toBe(0);
});

test('only a whole checksum of another run is of another version', async () => {
  const token = await witness();
  expect((await replayed(token)).code).toBe(0);
  const { code, stderr } = await replayed(token.replace(/-.*/, '-000000'));
  expect(code).toBe(65);
  expect(stderr).toContain('another version');
});
