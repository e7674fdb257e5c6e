/* SPDX-License-Identifier: MIT */
/* Steps that make the kernel work by itself. */
#include "agent.h"
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/swap.h>
#include <sys/syscall.h>
#include <unistd.h>

#define KSM "/sys/kernel/mm/ksm/"
#define THP "/sys/kernel/mm/transparent_hugepage/"
#define KHUGEPAGED THP "khugepaged/"

static long number_in(const char *path)
{
	char text[64];
	return read_text(path, text, sizeof text) < 0 ? -1 : atol(text);
}

/* Waits until the number in a file has grown; false after the limit. */
static bool grows_within(const char *path, long by, long limit)
{
	long from = number_in(path), end = now_ms() + limit;
	while (number_in(path) < from + by) {
		if (now_ms() > end)
			return false;
		usleep(1000);
	}
	return true;
}

/* Whoever else uses this kernel may have settings of his own, so they are written again while it takes long. */
static bool merges(struct outcome *out)
{
	enum { TRIES = 8, PART = 10 };
	for (int i = 0; i < TRIES && out->result == 0; i++) {
		write_text(KSM "smart_scan", "0");
		write_text(KSM "sleep_millisecs", "0");
		write_text(KSM "pages_to_scan", "100000");
		out->result = write_text(KSM "run", "1");
		if (grows_within(KSM "full_scans", 3, shared->job.turn_ms / PART))
			return true;
	}
	if (out->result == 0)
		out->result = -ETIMEDOUT;
	return false;
}

/* Two full scans look at each page twice, and a page is merged only when it has not changed between. */
static void verb_ksm_run(struct outcome *out, const struct op *op)
{
	(void)op;
	if (!features.ksm) {
		skip(out, "there is no KSM, or it cannot be started");
		return;
	}
	for (long merged = -1, round = 0; round < 20 && merges(out); round++) {
		long before = merged;
		merged = number_in(KSM "pages_sharing") + number_in(KSM "pages_shared");
		if (merged == before)
			break;
	}
	write_text(KSM "run", "0");
}

static void verb_ksm_unmerge(struct outcome *out, const struct op *op)
{
	(void)op;
	if (!features.ksm)
		skip(out, "there is no KSM, or it cannot be started");
	else
		out->result = write_text(KSM "run", "2");
	write_text(KSM "run", "0");
}

static bool scans(void)
{
	enum { TRIES = 8, PART = 10 };
	for (int i = 0; i < TRIES; i++) {
		write_text(KHUGEPAGED "alloc_sleep_millisecs", "0");
		write_text(KHUGEPAGED "pages_to_scan", "1000000");
		write_text(KHUGEPAGED "scan_sleep_millisecs", "1");
		if (grows_within(KHUGEPAGED "full_scans", 2, shared->job.turn_ms / PART))
			return true;
	}
	return false;
}

static void verb_khugepaged(struct outcome *out, const struct op *op)
{
	char enabled[64];
	(void)op;
	if (read_text(THP "enabled", enabled, sizeof enabled) > 0 && strstr(enabled, "[never]"))
		return; /* the thread is not there, either */
	if (write_text(KHUGEPAGED "scan_sleep_millisecs", "1")) {
		skip(out, "khugepaged cannot be told to scan");
		return;
	}
	if (!scans())
		out->result = -ETIMEDOUT;
	still_khugepaged();
}

static long move_to(const struct op *op, int node)
{
	/* MOVE_ALL moves what several processes map, too, and wants CAP_SYS_NICE. */
	enum { MOVE = 2, MOVE_ALL = 4, CHUNK = 128 };
	long result = 0;
	for (u64 from = 0; from < op->pages && result >= 0; from += CHUNK) {
		void *pages[CHUNK];
		int nodes[CHUNK], status[CHUNK];
		u64 count = op->pages - from < CHUNK ? op->pages - from : CHUNK;
		for (u64 i = 0; i < count; i++) {
			pages[i] = (void *)(op->at + (from + i) * PAGE);
			nodes[i] = node;
		}
		result = outcome_of(syscall(SYS_move_pages, 0, count, pages, nodes, status, MOVE_ALL));
		if (result == -EPERM)
			result = outcome_of(syscall(SYS_move_pages, 0, count, pages, nodes, status, MOVE));
	}
	return result;
}

/* Within a node there is no way to move chosen pages: they go to another one and come back. */
static void verb_migrate(struct outcome *out, const struct op *op)
{
	unsigned node = 0;
	if (op->node >= features.nodes || (op->node < 0 && features.nodes < 2)) {
		skip(out, "there %s only %d node%s", features.nodes == 1 ? "is" : "are", features.nodes,
		     features.nodes == 1 ? "" : "s");
		return;
	}
	if (op->node >= 0) {
		out->result = move_to(op, op->node);
		return;
	}
	syscall(SYS_getcpu, NULL, &node, NULL);
	out->result = move_to(op, node ? 0 : 1);
	if (out->result >= 0)
		out->result = move_to(op, (int)node);
}

static void verb_numa_scan(struct outcome *out, const struct op *op)
{
	(void)op;
	skip(out, "when NUMA balancing scans cannot be told from user space");
}

static void verb_tlb(struct outcome *out, const struct op *op)
{
	(void)op;
	skip(out, "what a CPU does on its own cannot be asked of it");
}

extern char swap_path[TEXT];

static void verb_swapoff(struct outcome *out, const struct op *op)
{
	(void)op;
	if (!features.swap)
		skip(out, "there is no swap that may be turned off");
	else
		out->result = outcome_of(swapoff(swap_path));
}

static void verb_fsync(struct outcome *out, const struct op *op)
{
	const struct file *file = &shared->job.files[op->file];
	if (file->fd < 0)
		skip(out, "%s", file->skip);
	else
		out->result = outcome_of(fsync(file->fd));
}

static void verb_file_write(struct outcome *out, const struct op *op)
{
	const struct file *file = &shared->job.files[op->file];
	u64 content = content_of(op);
	if (file->fd < 0)
		skip(out, "%s", file->skip);
	else if (pwrite(file->fd, &content, sizeof content, op->file_page * PAGE) < 0)
		out->result = -errno;
}

static void verb_clear_refs(struct outcome *out, const struct op *op)
{
	if (!strcmp(op->word, "4") && !features.softdirty)
		skip(out, "this kernel does not track soft-dirty");
	else
		out->result = write_text("/proc/self/clear_refs", op->word);
}

static void verb_pagemap(struct outcome *out, const struct op *op)
{
	if (!features.softdirty) {
		skip(out, "this kernel does not track soft-dirty");
		return;
	}
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	for (u64 i = 0; i < op->pages && fd >= 0; i++) {
		u64 entry;
		if (pread(fd, &entry, sizeof entry, (off_t)((op->at / PAGE + i) * sizeof entry)) != sizeof entry) {
			out->result = -errno;
			break;
		}
		value_read(out, i, entry >> 55 & 1);
	}
	if (fd < 0)
		out->result = -errno;
	else
		close(fd);
}

deed work_verb(const char *name)
{
	static const struct verb known[] = {
		{ "ksm_run", verb_ksm_run }, { "ksm_unmerge", verb_ksm_unmerge },
		{ "khugepaged", verb_khugepaged }, { "migrate", verb_migrate },
		{ "tlb_fill", verb_tlb }, { "tlb_drop", verb_tlb },
		{ "numa_scan", verb_numa_scan }, { "swapoff", verb_swapoff },
		{ "fsync", verb_fsync }, { "file_write", verb_file_write },
		{ "clear_refs", verb_clear_refs }, { "pagemap", verb_pagemap },
	};
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (!strcmp(known[i].name, name))
			return known[i].run;
	return NULL;
}
