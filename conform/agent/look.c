/* SPDX-License-Identifier: MIT */
/* What the kernel shows of the memory of every process. Nothing here brings a page in or changes an entry. */
#include "agent.h"
#include "pagemap.h"
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { MAX_VMAS = 512, HUGE_PAGES = 512, FLAGS_BATCH = 64, MANY_PAGES = 600, MANY_PRIVATE = 16 };

struct vma {
	u64 start, end;
	char permissions[8], flags[TEXT];
	long anonymous, huge, lazyfree, swap;
};

struct text {
	char *at;
	size_t used, room;
};

static struct vma vmas[MAX_VMAS];
static int nvmas;
/* What was told last of each region of each process. */
static struct text told[MAX_ACTORS][MAX_REGIONS];
/* What was read last of each page: its entry and its content. */
struct known {
	u64 pages, *entries, *contents;
	bool many;
};
static struct known known[MAX_ACTORS][MAX_REGIONS];

static void add(struct text *text, const char *format, ...)
{
	va_list arguments;
	if (text->room - text->used < 512) {
		text->room = text->room * 2 + 1024;
		text->at = realloc(text->at, text->room);
		if (!text->at)
			_exit(98);
	}
	va_start(arguments, format);
	text->used += (size_t)vsnprintf(text->at + text->used, 512, format, arguments);
	va_end(arguments);
}

void forget_views(void)
{
	look_afresh();
	for (int i = 0; i < MAX_ACTORS; i++)
		for (int j = 0; j < MAX_REGIONS; j++)
			told[i][j].used = known[i][j].pages = 0;
}

static struct known *known_of(int actor, int region)
{
	struct known *one = &known[actor][region];
	const struct region *what = &shared->job.regions[region];
	u64 pages = what->pages;
	/* What no file is behind changes by nothing but steps on its own addresses. */
	one->many = pages > (what->file < 0 && !what->shared ? MANY_PRIVATE : MANY_PAGES);
	if (one->pages != pages) {
		one->pages = pages;
		one->entries = realloc(one->entries, pages * sizeof(u64));
		one->contents = realloc(one->contents, pages * sizeof(u64));
		if (!one->entries || !one->contents)
			_exit(98);
		memset(one->entries, 0, pages * sizeof(u64));
	}
	return one;
}

static bool in_some_region(u64 start, u64 end)
{
	const struct job *job = &shared->job;
	for (int i = 0; i < job->nregions; i++)
		if (start < job->regions[i].at + job->regions[i].pages * PAGE && end > job->regions[i].at)
			return true;
	return false;
}

/* Whether the line is about the counter; its value is added. */
static bool is_counter(const char *line, const char *name, long *sum)
{
	size_t length = strlen(name);
	if (strncmp(line, name, length) || line[length] != ':')
		return false;
	*sum += atol(line + length + 1);
	return true;
}

static void read_counter(struct vma *vma, char *line)
{
	if (!strncmp(line, "VmFlags: ", 9)) {
		line[strcspn(line, "\n")] = 0;
		snprintf(vma->flags, sizeof vma->flags, "%.150s", line + 9);
		for (size_t n = strlen(vma->flags); n && vma->flags[n - 1] == ' ';)
			vma->flags[--n] = 0;
		return;
	}
	(void)(is_counter(line, "Anonymous", &vma->anonymous) || is_counter(line, "LazyFree", &vma->lazyfree) ||
	       is_counter(line, "Swap", &vma->swap) || is_counter(line, "AnonHugePages", &vma->huge) ||
	       is_counter(line, "ShmemPmdMapped", &vma->huge) || is_counter(line, "FilePmdMapped", &vma->huge));
}

static void read_vmas(int pid)
{
	char path[64], line[512];
	struct vma *vma = NULL;
	snprintf(path, sizeof path, "/proc/%d/smaps", pid);
	FILE *in = fopen(path, "re");
	nvmas = 0;
	while (in && fgets(line, sizeof line, in)) {
		unsigned long long start, end;
		char permissions[8];
		/* Names of counters begin with a capital letter. */
		if (line[0] >= 'A' && line[0] <= 'Z') {
			if (vma)
				read_counter(vma, line);
		} else if (sscanf(line, "%llx-%llx %4s", &start, &end, permissions) == 3) {
			vma = in_some_region(start, end) && nvmas < MAX_VMAS ? &vmas[nvmas++] : NULL;
			if (!vma)
				continue;
			memset(vma, 0, sizeof *vma);
			vma->start = start;
			vma->end = end;
			strcpy(vma->permissions, permissions);
		}
	}
	if (in)
		fclose(in);
}

/* Frames that follow each other, upwards or downwards, are read at once. */
static u64 flags_of(u64 frame)
{
	static int fd = -2;
	static u64 base, batch[FLAGS_BATCH];
	static ssize_t count;
	if (fd == -2)
		fd = open("/proc/kpageflags", O_RDONLY | O_CLOEXEC);
	if (frame == 0) { /* a new look: what was read is old */
		count = 0;
		return 0;
	}
	if (frame < base || frame >= base + (u64)count) {
		base = frame - frame % FLAGS_BATCH;
		ssize_t length = pread(fd, batch, sizeof batch, (off_t)(base * sizeof(u64)));
		count = length > 0 ? length / (ssize_t)sizeof(u64) : 0;
	}
	return frame < base + (u64)count ? batch[frame - base] : 0;
}

/* Where entries of the upper table map whole huge pages: asked, or found out from what must hold for them. */
static void mark_huge(const struct vma *vma, u64 start, u64 end, const u64 *entries, const u64 *kinds,
		      const uint16_t *scan, char *huge)
{
	u64 pages = (end - start) / PAGE;
	memset(huge, '-', pages);
	if (features.scan_categories) {
		for (u64 i = 0; i < pages; i++)
			if (scan[i] & SCAN_HUGE)
				huge[i] = 'h';
		return;
	}
	long candidates = 0;
	for (u64 at = (start / PAGE + HUGE_PAGES - 1) / HUGE_PAGES * HUGE_PAGES; (at + HUGE_PAGES) * PAGE <= end; at += HUGE_PAGES) {
		u64 first = at - start / PAGE, i;
		u64 fixed = PM_PRESENT | PM_SOFT_DIRTY | PM_UFFD_WP | PM_FILE;
		for (i = 0; i < HUGE_PAGES; i++)
			if (!(entries[first + i] & PM_PRESENT) || !(kinds[first + i] & KPF_THP) ||
			    ((entries[first + i] ^ entries[first]) & fixed) ||
			    (entries[first + i] & FRAME_MASK) != (entries[first] & FRAME_MASK) + i)
				break;
		if (i < HUGE_PAGES || (entries[first] & FRAME_MASK) % HUGE_PAGES)
			continue;
		bool zero = kinds[first] & KPF_ZERO_PAGE;
		memset(huge + first, zero ? 'h' : '?', HUGE_PAGES);
		candidates += !zero;
	}
	/* Before 6.6 smaps does not count what PROT_NONE hides. */
	bool hidden = !strncmp(vma->permissions, "---", 3);
	char answer = hidden ? '?' : vma->huge == 0 ? '-' : vma->huge == candidates * 2048 ? 'h' : '?';
	for (u64 i = 0; i < pages; i++)
		if (huge[i] == '?')
			huge[i] = answer;
}

static bool afresh = true;

/* The next look reads every page: more may have changed than the steps of the turn name. */
void look_afresh(void)
{
	afresh = true;
}

/* Whether the last steps of the actors, or the answers to them, may have stored to the page. */
static bool is_touched(u64 address)
{
	const struct job *job = &shared->job;
	for (int i = 0; i < job->nactors; i++) {
		const struct slot *slot = &shared->slots[i];
		const struct op *op = &job->ops[slot->op];
		if (address >= op->at && address < op->at + op->pages * PAGE)
			return true;
		if (slot->has_last && slot->last.address / PAGE == address / PAGE)
			return true;
	}
	return false;
}

/* Of many pages, only those whose entry has changed or that a step is about are read again. */
static bool is_known(const struct known *known, u64 index, u64 address, u64 entry)
{
	return !afresh && features.frames && known->many && (entry & PM_PRESENT) &&
	       known->entries[index] == entry && !is_touched(address);
}

struct view {
	char bits[8], scan[SCAN_LETTERS + 1];
	bool has_content;
	u64 content;
};

static struct view view_of(int mem, struct known *known, u64 index, u64 address, u64 entry, u64 kind, uint16_t scan,
			   char huge)
{
	struct view view = { .bits = "-------" };
	bool present = entry & PM_PRESENT;
	view.bits[0] = present ? 'p' : entry & PM_SWAP ? 's' : '-';
	view.bits[1] = entry & PM_FILE ? 'f' : '-';
	view.bits[2] = entry & PM_EXCLUSIVE ? 'x' : '-';
	view.bits[3] = !features.softdirty ? '?' : entry & PM_SOFT_DIRTY ? 'd' : '-';
	view.bits[4] = entry & PM_UFFD_WP ? 'w' : '-';
	view.bits[5] = huge;
	scan_text(scan, view.scan);
	if (present)
		view.bits[6] = kind & KPF_ZERO_PAGE ? 'z' : !features.ksm_flag ? '?' : kind & KPF_KSM ? 'k' : '-';
	if (is_known(known, index, address, entry)) {
		view.has_content = true;
		view.content = known->contents[index];
		return view;
	}
	view.has_content = present && mem >= 0 &&
			   pread(mem, &view.content, sizeof view.content, (off_t)address) == sizeof view.content;
	known->entries[index] = view.has_content ? entry : 0;
	known->contents[index] = view.content;
	return view;
}

static void add_run(struct text *text, bool *first, u64 from, u64 to, const struct view *view, u64 stride)
{
	add(text, "%s[%llu,%llu,\"%s\",\"%s\"", *first ? "" : ",", (unsigned long long)from, (unsigned long long)to, view->bits,
	    view->scan);
	if (view->has_content)
		add(text, ",%llu,%lld", (unsigned long long)view->content, (long long)stride);
	add(text, "]");
	*first = false;
}

/* The pages [start, end) of one VMA, in runs of equal pages or evenly growing contents. */
static void add_pages(struct text *text, bool *first, int map, int mem, struct known *known, const struct vma *vma,
		      const struct region *region)
{
	u64 region_end = region->at + region->pages * PAGE;
	u64 start = vma->start > region->at ? vma->start : region->at, end = vma->end < region_end ? vma->end : region_end;
	u64 pages = (end - start) / PAGE, base = (start - region->at) / PAGE;
	u64 *entries = calloc(pages, sizeof *entries), *kinds = calloc(pages, sizeof *kinds);
	uint16_t *scan = calloc(pages, sizeof *scan);
	char *huge = malloc(pages + 1);
	if (!entries || !kinds || !scan || !huge)
		_exit(98);
	if (pread(map, entries, pages * sizeof *entries, (off_t)(start / PAGE * sizeof *entries)) < 0)
		memset(entries, 0, pages * sizeof *entries);
	flags_of(0);
	for (u64 i = 0; i < pages && features.kpageflags; i++)
		if ((entries[i] & PM_PRESENT) && (entries[i] & FRAME_MASK))
			kinds[i] = flags_of(entries[i] & FRAME_MASK);
	if (features.scan_categories)
		scan_pages(map, start, end, features.scan_categories, scan);
	mark_huge(vma, start, end, entries, kinds, scan, huge);
	struct view run = { 0 };
	u64 from = 0, stride = 0;
	for (u64 i = 0; i < pages; i++) {
		struct view view = view_of(mem, known, base + i, start + i * PAGE, entries[i], kinds[i], scan[i], huge[i]);
		bool fits = i > 0 && !strcmp(view.bits, run.bits) && !strcmp(view.scan, run.scan) && view.has_content == run.has_content;
		if (fits && view.has_content && i == from + 1)
			stride = view.content == run.content + 1;
		if (fits && (!view.has_content || view.content == run.content + stride * (i - from)))
			continue;
		if (i > 0)
			add_run(text, first, base + from, base + i - 1, &run, stride);
		run = view;
		from = i;
		stride = 0;
	}
	add_run(text, first, base + from, base + pages - 1, &run, stride);
	free(entries);
	free(kinds);
	free(scan);
	free(huge);
}

static void add_region(struct text *text, int map, int mem, struct known *known, const struct region *region)
{
	u64 region_end = region->at + region->pages * PAGE;
	bool first = true;
	add(text, "[");
	for (int i = 0; i < nvmas; i++)
		if (vmas[i].start < region_end && vmas[i].end > region->at)
			add_pages(text, &first, map, mem, known, &vmas[i], region);
	add(text, "],[");
	first = true;
	for (int i = 0; i < nvmas; i++) {
		const struct vma *vma = &vmas[i];
		if (vma->start >= region_end || vma->end <= region->at)
			continue;
		add(text, "%s[%lld,%lld,\"%s\",%ld,%ld,%ld,%ld,\"%s\"]", first ? "" : ",",
		    ((long long)vma->start - (long long)region->at) / PAGE,
		    ((long long)vma->end - (long long)region->at) / PAGE - 1, vma->permissions, vma->anonymous,
		    vma->huge, vma->lazyfree, vma->swap, vma->flags);
		first = false;
	}
	add(text, "]");
}

static int open_of(int pid, const char *name)
{
	char path[64];
	snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
	return open(path, O_RDONLY | O_CLOEXEC);
}

/* Appends `,"memory":[[process,region,pages,vmas],...]` with the regions that look different from last time. */
void look(void)
{
	const struct job *job = &shared->job;
	bool first = true;
	for (int actor = 0; actor < job->nactors; actor++) {
		bool seen = shared->slots[actor].pid <= 0;
		for (int i = 0; i < actor && !seen; i++)
			seen = shared->slots[i].pid == shared->slots[actor].pid;
		int pid = shared->slots[actor].pid;
		if (seen)
			continue;
		int map = open_of(pid, "pagemap"), mem = open_of(pid, "mem");
		read_vmas(pid);
		for (int r = 0; r < job->nregions && map >= 0; r++) {
			struct text now = { 0 }, *last = &told[actor][r];
			add_region(&now, map, mem, known_of(actor, r), &job->regions[r]);
			bool same = now.used == last->used && !memcmp(now.at, last->at, now.used);
			bool nothing = !last->used && now.used == 5;
			if (!same && !nothing) {
				put(first ? ",\"memory\":[[" : ",[");
				put_text(job->actors[actor].process);
				put(",");
				put_text(job->regions[r].name);
				put(",");
				for (size_t at = 0; at < now.used; at += 400)
					put("%.400s", now.at + at);
				put("]");
				first = false;
			}
			free(last->at);
			*last = now;
		}
		if (map >= 0)
			close(map);
		if (mem >= 0)
			close(mem);
	}
	afresh = false;
	if (!first)
		put("]");
}
