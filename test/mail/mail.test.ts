import { diffstat, MailError, proposalIn, touchedFunctions } from '../../src/mail';
import { decodedSubject, diffText, eml, forms } from './sample';

const bytes = (text: string | Buffer): Buffer => (typeof text === 'string' ? Buffer.from(text) : text);

describe('proposalIn() reads', () => {
  test.each(Object.entries(forms))('%s', (_name, mail) => {
    const proposal = proposalIn(bytes(mail));
    expect(proposal).toMatchObject({
      author: 'Zoë Maß',
      subject: decodedSubject,
      messageId: '<20200304071001.1-zoe@example.org>',
      date: '2020-03-03',
    });
    expect(proposal.files.map(({ file, added, removed }) => [file, added, removed])).toEqual([
      ['include/linux/mm.h', 1, 0],
      ['mm/mprotect.c', 3, 2],
      ['mm/userfaultfd.c', 1, 1],
    ]);
    expect(proposal.files[1]!.hunks[0]!.lines[2]).toBe('+\t/* naïve: only what was written */');
  });
});

test('touchedFunctions() names what a hunk changes, not what stands above it', () => {
  expect([...touchedFunctions(proposalIn(bytes(eml)).files).keys()]).toEqual([
    'mm/mprotect.c:change_pte_range',
    'mm/mprotect.c:change_pud_range',
    'mm/userfaultfd.c:mwriteprotect_range',
  ]);
});

test('diffstat() is as git draws it', () => {
  expect(diffstat(proposalIn(bytes(eml)).files)).toEqual([
    'include/linux/mm.h |   1 +',
    'mm/mprotect.c      |   5 +++--',
    'mm/userfaultfd.c   |   2 +-',
    '3 files changed, 5 insertions(+), 3 deletions(-)',
  ]);
  expect(diffstat([{ file: 'a.c', added: 0, removed: 1, hunks: [] }]).at(-1)).toBe(
    '1 file changed, 1 deletion(-)',
  );
});

describe('proposalIn() refuses', () => {
  const without = eml.slice(0, eml.indexOf('diff --git'));
  const lineOf = (text: string, part: string): number => text.slice(0, text.indexOf(part)).split('\n').length;
  const cut = eml.slice(0, eml.indexOf(' \terr = 0;'));
  const wrapped = eml.replace('pte_dirty(ptent))', 'pte_dirty(\nptent))');

  test.each([
    { mail: '', line: 1, says: 'the file is empty' },
    { mail: 'hello\nworld\n', line: 1, says: 'is no mail' },
    { mail: 'From: a <a@example.org>\n\nno subject\n', line: 1, says: 'no header with From: and Subject:' },
    { mail: 'x\0y', line: null, says: 'is binary' },
    { mail: 'x'.repeat(9_000_000), line: null, says: '9 MB are no mail' },
    { mail: without, line: lineOf(eml, 'Un-protecting'), says: 'the mail has no patch' },
    { mail: cut, line: cut.split('\n').length, says: 'does not add up: the patch was cut' },
    { mail: wrapped, line: lineOf(wrapped, '\nptent))') + 1, says: 'its lines were wrapped' },
    { mail: eml.replace('@@ -632,3 +632,3 @@', '@@ -632,9 +632,9 @@'), line: null, says: 'does not add up' },
    {
      mail: eml.replace('MIME-Version: 1.0\n', '').replace('text/plain; charset=UTF-8', 'multipart/mixed'),
      line: lineOf(eml, 'Un-protecting') - 1,
      says: 'without a boundary',
    },
  ])('$says', ({ mail, line, says }) => {
    const failed = (() => {
      try {
        return proposalIn(bytes(mail));
      } catch (error) {
        return error;
      }
    })();
    expect(failed).toBeInstanceOf(MailError);
    expect((failed as MailError).message).toContain(says);
    if (line !== null) expect((failed as MailError).line).toBe(line);
  });

  test('nothing of a patch that is quoted', () => {
    const reply = `From: a <a@example.org>\nSubject: Re: x\n\n${diffText.replace(/^/gm, '> ')}`;
    expect(() => proposalIn(bytes(reply))).toThrow('the mail has no patch');
  });
});
