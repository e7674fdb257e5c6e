import fc from 'fast-check';
import { parseSchedule, parseToken, shortChecksum, showSchedule, showToken } from '../../src/explore/index';

const schedules = fc.array(fc.nat(25), { maxLength: 200 });

test('a schedule that was shown can be parsed', () => {
  fc.assert(
    fc.property(schedules, (schedule) => expect(parseSchedule(showSchedule(schedule))).toEqual(schedule)),
  );
});

test('a token that was shown can be parsed', () => {
  fc.assert(
    fc.property(schedules, fc.nat(0xffffffff), (schedule, checksum) => {
      expect(parseToken(showToken(schedule, checksum))).toEqual({
        schedule,
        checksum: shortChecksum(checksum),
      });
    }),
  );
});

test.each([
  { text: 'a12b3a', schedule: [...Array<number>(12).fill(0), 1, 1, 1, 0] },
  { text: '', schedule: [] },
  { text: 'c', schedule: [2] },
])('"$text" is a schedule', ({ text, schedule }) => expect(parseSchedule(text)).toEqual(schedule));

test.each(['12a', 'A', 'a-b', 'a b', 'ä'])('"%s" is no schedule', (text) =>
  expect(parseSchedule(text)).toBe(null),
);
test.each(['A-123456', '1-123456'])('"%s" is no token', (text) => expect(parseToken(text)).toBe(null));
test('a token may come without its checksum', () =>
  expect(parseToken('a2b')).toEqual({ schedule: [0, 0, 1], checksum: null }));
