/** Mails written for these tests: a patch that nobody has posted, in the forms in which patches come. */

export const diffText = `diff --git a/include/linux/mm.h b/include/linux/mm.h
index 1111111..2222222 100644
--- a/include/linux/mm.h
+++ b/include/linux/mm.h
@@ -10,3 +10,4 @@ struct page;
 extern int one(void);
+extern int two(void);
 extern int three(void);
 
diff --git a/mm/mprotect.c b/mm/mprotect.c
index 3333333..4444444 100644
--- a/mm/mprotect.c
+++ b/mm/mprotect.c
@@ -50,5 +50,6 @@ static unsigned long change_pte_range(struct vm_area_struct *vma, pmd_t *pmd,
 	ptent = pte_modify(oldpte, newprot);
-	if (dirty_accountable)
+	/* naïve: only what was written */
+	if (dirty_accountable && pte_dirty(ptent))
 		ptent = pte_mkwrite(ptent);
 	pages++;
 	continue;
@@ -90,6 +91,6 @@ static unsigned long change_pte_range(struct vm_area_struct *vma, pmd_t *pmd,
 }
 
 static unsigned long change_pud_range(struct vm_area_struct *vma,
-		p4d_t *p4d, int dirty_accountable)
+		p4d_t *p4d, bool mkwrite)
 {
 	pud_t *pud;
diff --git a/mm/userfaultfd.c b/mm/userfaultfd.c
index 5555555..6666666 100644
--- a/mm/userfaultfd.c
+++ b/mm/userfaultfd.c
@@ -632,3 +632,3 @@ int mwriteprotect_range(struct mm_struct *dst_mm, unsigned long start,
 	newprot = vm_get_page_prot(dst_vma->vm_flags);
-	change_protection(dst_vma, start, start + len, newprot, !enable_wp, 0);
+	change_protection(dst_vma, start, start + len, newprot, 0, 0);
 	err = 0;
`;

const said = `Un-protecting must not mark pages.

Signed-off-by: Zoë Maß <zoe@example.org>
---
 mm/mprotect.c | 3 ++-
 --- not a header
 3 files changed

`;

const subject =
  '=?UTF-8?q?=5BPATCH_v3=5D_mm/mprotect=3A_ask_whether_it_?=\n =?UTF-8?q?was_written_=28na=C3=AFvely=29?=';
export const decodedSubject = '[PATCH v3] mm/mprotect: ask whether it was written (naïvely)';
const from = '=?utf-8?B?Wm/DqyBNYcOf?= <zoe@example.org>';
const common = `From: ${from}
Date: Tue, 3 Mar 2020 23:10:01 -0800
Subject: ${subject}
Message-ID: <20200304071001.1-zoe@example.org>
MIME-Version: 1.0
`;

const signature = '-- \n2.24.1\n\n';
const quoted = (text: string): string =>
  [...Buffer.from(text)]
    .map((byte) =>
      byte === 61 || byte > 126
        ? `=${byte.toString(16).toUpperCase().padStart(2, '0')}`
        : String.fromCharCode(byte),
    )
    .join('')
    .replace(/^(.{60})(?=.)/gm, '$1=\n');
const base64 = (text: string): string => Buffer.from(text).toString('base64').replace(/.{76}/g, '$&\n');

export const eml = `${common}Content-Type: text/plain; charset=UTF-8
Content-Transfer-Encoding: 8bit

${said}${diffText}${signature}`;

export const forms: Readonly<Record<string, string | Buffer>> = {
  'an .eml': eml,
  'an .eml with CRLF': eml.replaceAll('\n', '\r\n'),
  'git format-patch': `From 0123456789012345678901234567890123456789 Mon Sep 17 00:00:00 2001\n${eml}`,
  'an mbox whose second mail has the patch': `From someone@example.org Tue Mar  3 10:00:00 2020
From: Someone <someone@example.org>
Subject: [PATCH 0/1] a cover letter
Date: Tue, 3 Mar 2020 10:00:00 -0800

>From here on there is only text.

From zoe@example.org Tue Mar  3 23:10:01 2020
${eml}`,
  'quoted-printable': `${common}Content-Type: text/plain; charset="utf-8"
Content-Transfer-Encoding: quoted-printable

${quoted(said + diffText + signature)}`,
  base64: `${common}Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: base64

${base64(said + diffText + signature)}`,
  'ISO 8859-1': Buffer.from(
    `${common}Content-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: 8bit\n\n${said}${diffText}${signature}`,
    'latin1',
  ),
  'a patch that is attached': `${common}Content-Type: multipart/mixed; boundary="=-x"

--=-x
Content-Type: text/plain; charset=UTF-8

${said}
--=-x
Content-Type: text/x-patch; charset=UTF-8
Content-Transfer-Encoding: base64
Content-Disposition: attachment; filename=0001.patch

${base64(diffText)}
--=-x--
`,
  'a reply with a patch in it': `From: Zoë <other@example.org>
Date: Wed, 4 Mar 2020 09:00:00 +0100
Subject: Re: something else
Message-ID: <20200304071001.1-zoe@example.org>

On Tue, Mar 3, 2020, somebody wrote:
> diff --git a/quoted b/quoted
> @@ -1 +1 @@
Rather so:

>From 0123456789012345678901234567890123456789 Mon Sep 17 00:00:00 2001
From: ${from}
Date: Tue, 3 Mar 2020 23:10:01 -0800
Subject: ${subject}
MIME-Version: 1.0

${said}${diffText}${signature}Some archive is powered by something.
`,
  'a page of an archive': `lists.example.org - mailing list archive: hash suites and more
[<prev] [next>] [thread]

${eml}`,
};
