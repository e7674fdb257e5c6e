/* SPDX-License-Identifier: MIT */
/* PAGEMAP_SCAN: which of its categories this kernel has, and what it says of each page. It changes nothing. */
#include "agent.h"
#include "pagemap.h"
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { FOUND = 256, TABLE = 512 * PAGE };

/* Of the pages [start, end), one each; what the kernel passes over is in none. */
void scan_pages(int fd, u64 start, u64 end, u64 categories, uint16_t *of)
{
	static struct pm_scan_region found[FOUND];
	memset(of, 0, (end - start) / PAGE * sizeof *of);
	for (u64 at = start; at < end;) {
		struct pm_scan_arg scan = {
			.size = sizeof scan, .start = at, .end = end, .vec = (u64)found, .vec_len = FOUND,
			.return_mask = categories,
		};
		long count = ioctl(fd, PAGEMAP_SCAN_REQUEST, &scan);
		for (long i = 0; i < count; i++)
			for (u64 page = found[i].start; page < found[i].end; page += PAGE)
				of[(page - start) / PAGE] = (uint16_t)found[i].categories;
		/* It ends early where there is no room for more. */
		if (count <= 0 || scan.walk_end <= at)
			return;
		at = scan.walk_end;
	}
}

static bool is_known(int fd, u64 page, u64 categories)
{
	struct pm_scan_region found;
	struct pm_scan_arg scan = {
		.size = sizeof scan, .start = page, .end = page + PAGE, .vec = (u64)&found, .vec_len = 1,
		.category_mask = SCAN_PRESENT, .return_mask = categories,
	};
	return ioctl(fd, PAGEMAP_SCAN_REQUEST, &scan) == 1;
}

/* Whether what no table of a registered mapping covers counts as written. */
static bool are_holes_written(int fd, u64 hole)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register registration = { .range = { hole, PAGE }, .mode = UFFDIO_REGISTER_MODE_WP };
	uint16_t of = 0;
	int uffd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	if (uffd >= 0 && !ioctl(uffd, UFFDIO_API, &api) && !ioctl(uffd, UFFDIO_REGISTER, &registration))
		scan_pages(fd, hole, hole + PAGE, SCAN_WRITTEN, &of);
	close(uffd);
	return of & SCAN_WRITTEN;
}

/* Soft-dirty came in 6.8, guard regions in 6.15; what counts as written where nothing is has changed in stable trees. */
void probe_scan(int fd)
{
	static const u64 all[] = { 0x1ff, 0xff, 0x7f };
	char *memory = mmap(NULL, 3 * TABLE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		return;
	madvise(memory, 3 * TABLE, MADV_NOHUGEPAGE);
	u64 table = ((u64)memory + TABLE - 1) / TABLE * TABLE;
	*(volatile char *)table = 1;
	for (int i = 0; i < 3 && !features.scan_categories; i++)
		if (is_known(fd, table, all[i]))
			features.scan_categories = all[i];
	uint16_t of = 0;
	scan_pages(fd, table + PAGE, table + 2 * PAGE, SCAN_WRITTEN, &of);
	features.empty_written = of & SCAN_WRITTEN;
	features.holes_written = features.scan_categories && are_holes_written(fd, table + TABLE);
	munmap(memory, 3 * TABLE);
}

/* A letter for each category, `-` for no and `?` for what this kernel does not know. */
void scan_text(uint16_t of, char *text)
{
	static const char letters[] = "awfpszhdg";
	int i;
	for (i = 0; letters[i]; i++)
		text[i] = !(features.scan_categories >> i & 1) ? '?' : of >> i & 1 ? letters[i] : '-';
	text[i] = 0;
}
