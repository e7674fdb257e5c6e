import { defineVariant } from '../core';

/** The kernel that all others change. Its functions are src/core/kernel. */
export default defineVariant({
  meta: {
    id: 'linux-4.19',
    kind: 'kernel',
    title: 'Linux 4.19: no write-protection by userfaultfd',
    author: 'Linus Torvalds and others',
    subject: 'Linux 4.19',
    messageId: '',
    date: '2018-10-22',
    base: null,
    supersedes: [],
    touches: [],
    reported: [],
    builds: true,
  },
  kernel: {},
});
