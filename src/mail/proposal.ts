/** What a mail says of the proposal in it. */
import { decodeWords, type Mail, MailError, readMails } from './mail';
import { type PatchedFile, patchIn } from './patch';

export interface Proposal {
  readonly author: string;
  readonly subject: string;
  /** With its angle brackets; empty where the mail has none. */
  readonly messageId: string;
  /** Who gets a reply, as `Name <address>`; empty where the mail does not say. */
  readonly replyTo: string;
  /** Everybody else to whom the mail went. */
  readonly cc: readonly string[];
  /** YYYY-MM-DD, or empty. */
  readonly date: string;
  readonly files: readonly PatchedFile[];
}

/** @throws MailError */
export function proposalIn(bytes: Uint8Array): Proposal {
  const mails = readMails(bytes);
  const errors: MailError[] = [];
  for (const mail of mails) {
    try {
      return proposalOf(mail);
    } catch (error) {
      if (!(error instanceof MailError)) throw error;
      errors.push(error);
    }
  }
  throw errors.find(({ message }) => !message.startsWith('the mail has no patch')) ?? errors[0]!;
}

function proposalOf({ headers, body, bodyLine }: Mail): Proposal {
  const files = patchIn(body, bodyLine);
  const inner = innerHeaders(body);
  const get = (name: string): string => inner.get(name) ?? headers.get(name) ?? '';
  return {
    author: nameOf(get('from')),
    subject: get('subject').replace(/\s+/g, ' '),
    messageId: /<[^<>\s]+>/.exec(headers.get('message-id') ?? '')?.[0] ?? '',
    ...replyOf(headers),
    date: dayOf(get('date')),
    files,
  };
}

/** As a mail program would answer to all. */
function replyOf(headers: Mail['headers']): Pick<Proposal, 'replyTo' | 'cc'> {
  const get = (name: string): string[] => addressesIn(headers.get(name) ?? '');
  const [replyTo = ''] = [...get('reply-to'), ...get('from')];
  const cc = [...new Set([...get('to'), ...get('cc')])].filter((one) => one !== replyTo);
  return { replyTo, cc };
}

/** What has no address is left away. */
const addressesIn = (header: string): string[] =>
  [...header.matchAll(/(?:"[^"]*"|[^,"])+/g)]
    .map(([one]) => one.replace(/\s+/g, ' ').trim())
    .filter((one) => /(^|<)[^\s<>@]+@[^\s<>@]+>?$/.test(one));

/** Headers within the body, which git am takes first: at its top, after scissors, or after git's own From line. */
function innerHeaders(body: string): Map<string, string> {
  const lines = body.split('\n');
  const firstDiff = lines.findIndex((line) => line.startsWith('diff --git '));
  const above = lines.slice(0, firstDiff < 0 ? lines.length : firstDiff);
  const cut =
    above.map((line) => /^From [0-9a-f]{40} |^[-\s]*(>8|8<|>%|%<)[-\s]*$/.test(line)).lastIndexOf(true) + 1;
  const headers = new Map<string, string>();
  let last = '';
  for (
    let at = above.findIndex((line, i) => i >= cut && line.trim() !== '');
    at >= 0 && at < above.length;
    at++
  ) {
    const line = above[at]!;
    const [, name, value] = /^(From|Subject|Date):\s*(.*)$/i.exec(line) ?? [];
    if (/^[ \t]+\S/.test(line) && last) headers.set(last, `${headers.get(last)} ${line.trim()}`);
    else if (name) headers.set((last = name.toLowerCase()), value!);
    else if (!/^[A-Za-z-]+: /.test(line)) break;
    else last = '';
  }
  return new Map(
    [...headers].map(([name, value]) => [name, decodeWords(Buffer.from(value, 'utf8').toString('latin1'))]),
  );
}

const nameOf = (from: string): string => {
  const [, name = ''] = /^\s*"?([^"<]*?)"?\s*<[^>]*>/.exec(from) ?? [];
  return name || from.replace(/[<>]/g, '').trim();
};

const months = 'JanFebMarAprMayJunJulAugSepOctNovDec';

/** The day that the sender's own calendar showed. */
function dayOf(date: string): string {
  const [, day, month, year] = /(\d{1,2}) ([A-Z][a-z]{2})[a-z]* (\d{4})/.exec(date) ?? [];
  const at = month ? months.indexOf(month) : -1;
  if (!day || at < 0) return '';
  return `${year}-${String(at / 3 + 1).padStart(2, '0')}-${day.padStart(2, '0')}`;
}
