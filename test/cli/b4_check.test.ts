import { eml } from '../mail/sample';
import { faultline, folder, put } from './terminal';

const place = folder();
const mailOf = (id: string): string =>
  put(place, `${id}.eml`, eml.replace('20200304071001.1-zoe@example.org', id));
const check = (mail: string, ...fixtures: string[]) =>
  faultline(['b4-check', '--jobs', '0', '--mail', mail, ...fixtures.flatMap((one) => ['--fixture', one])]);

describe('b4-check', () => {
  test.each([
    {
      id: '20180912132438.GB4009@redhat.com',
      fixture: 'thp-partial',
      is: { status: 'fail', summary: 'dirty-accountable-false: 1 of 1 fixtures: SIGBUS' },
    },
    {
      id: '20180912132438.GB4009@redhat.com',
      fixture: 'unregister-while-wp',
      is: {
        status: 'pass',
        summary: 'dirty-accountable-false: nothing broke in 1 of 1 fixtures',
        details: '',
      },
    },
  ])(
    '$id on $fixture: $is.status',
    async ({ id, fixture, is }) => {
      const { code, stdout, stderr } = await check(mailOf(id), fixture);
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      expect(JSON.parse(stdout)).toEqual([expect.objectContaining({ tool: 'faultline', ...is })]);
    },
    60_000,
  );

  test('has nothing to say of a mail that no variant is of', async () => {
    expect(await check(mailOf('nobody@example.org'))).toEqual({ code: 0, stdout: '[]\n', stderr: '' });
  });

  test('prints no JSON for what is no mail', async () => {
    const { code, stdout, stderr } = await check(put(place, 'none.eml', 'hello\n'));
    expect({ code, stdout }).toEqual({ code: 65, stdout: '' });
    expect(stderr).toContain('none.eml:1:1: is no mail');
  });
});
