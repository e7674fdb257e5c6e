/* SPDX-License-Identifier: MIT */
/* Steps on memory, mappings and processes. */
#include "agent.h"
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

/* One store and one load, as the compiler must not change them. */
void do_store(u64 address, u64 content)
{
	__asm__ volatile("movq %1, (%0)" : : "r"(address), "r"(content) : "memory");
}

u64 do_load(u64 address)
{
	u64 content;
	__asm__ volatile("movq (%1), %0" : "=r"(content) : "r"(address) : "memory");
	return content;
}

static void verb_write(struct outcome *out, const struct op *op)
{
	(void)out;
	for (u64 i = 0; i < op->pages; i++) {
		do_store(op->at + i * PAGE, content_of(op));
		if (op->pauses && i + 1 < op->pages)
			pause_here();
	}
}

static void verb_read(struct outcome *out, const struct op *op)
{
	for (u64 i = 0; i < op->pages; i++) {
		value_read(out, i, do_load(op->at + i * PAGE));
		if (op->pauses && i + 1 < op->pages)
			pause_here();
	}
}

/*
 * A file that a step opens for itself has a high number. With the lowest that is free it would stand where a userfaultfd
 * was closed, and whoever still waits there would read from it.
 */
static int out_of_the_way(int fd)
{
	if (fd < 0)
		return fd;
	int high = fcntl(fd, F_DUPFD_CLOEXEC, 256);
	close(fd);
	return high;
}

static bool pipe_of(struct outcome *out, int ends[2])
{
	if (pipe2(ends, O_CLOEXEC)) {
		out->result = -errno;
		return false;
	}
	for (int i = 0; i < 2; i++)
		ends[i] = out_of_the_way(ends[i]);
	return true;
}

static void close_pipe(const int ends[2])
{
	close(ends[0]);
	close(ends[1]);
}

/* A count of bytes is success. */
static long done(long result)
{
	return result == -1 ? -errno : 0;
}

static void verb_sys_read(struct outcome *out, const struct op *op)
{
	u64 content = content_of(op);
	int ends[2];
	if (!pipe_of(out, ends))
		return;
	if (write(ends[1], &content, sizeof content) == sizeof content)
		out->result = done(read(ends[0], (void *)op->at, sizeof content));
	close_pipe(ends);
}

static void verb_sys_write(struct outcome *out, const struct op *op)
{
	u64 content;
	int ends[2];
	if (!pipe_of(out, ends))
		return;
	out->result = done(write(ends[1], (void *)op->at, sizeof content));
	if (out->result == 0 && read(ends[0], &content, sizeof content) == sizeof content)
		value_read(out, 0, content);
	close_pipe(ends);
}

static int open_mem(const struct op *op, int flags)
{
	char path[64];
	snprintf(path, sizeof path, "/proc/%d/mem", owner_of(op));
	return out_of_the_way(open(path, flags | O_CLOEXEC));
}

static void verb_poke(struct outcome *out, const struct op *op)
{
	u64 content = content_of(op);
	int fd = open_mem(op, O_RDWR);
	out->result = fd < 0 ? -errno : done(pwrite(fd, &content, sizeof content, (off_t)op->at));
	if (fd >= 0)
		close(fd);
}

static void verb_peek(struct outcome *out, const struct op *op)
{
	u64 content;
	int fd = open_mem(op, O_RDONLY);
	out->result = fd < 0 ? -errno : done(pread(fd, &content, sizeof content, (off_t)op->at));
	if (fd >= 0 && out->result == 0)
		value_read(out, 0, content);
	if (fd >= 0)
		close(fd);
}

static void verb_gup_write(struct outcome *out, const struct op *op)
{
	u64 content = content_of(op);
	struct iovec from = { &content, sizeof content }, to = { (void *)op->at, sizeof content };
	out->result = done(process_vm_writev(owner_of(op), &from, 1, &to, 1, 0));
}

static const struct {
	const char *name;
	int advice;
} advices[] = {
	{ "dontneed", 4 }, { "free", 8 }, { "remove", 9 }, { "dontfork", 10 }, { "dofork", 11 },
	{ "mergeable", 12 }, { "unmergeable", 13 }, { "hugepage", 14 }, { "nohugepage", 15 },
	{ "wipeonfork", 18 }, { "keeponfork", 19 }, { "cold", 20 }, { "pageout", 21 },
	{ "populate_read", 22 }, { "populate_write", 23 }, { "collapse", 25 },
};

static long advise(struct outcome *out, u64 at, u64 pages, const char *word)
{
	for (size_t i = 0; i < sizeof advices / sizeof *advices; i++) {
		if (strcmp(advices[i].name, word))
			continue;
		/* Nothing at all is always fine, unless the kernel does not know the advice. */
		if (syscall(SYS_madvise, at, 0, advices[i].advice) && errno == EINVAL) {
			skip(out, "this kernel has no madvise %s", word);
			return 0;
		}
		return outcome_of(syscall(SYS_madvise, at, pages * PAGE, advices[i].advice));
	}
	skip(out, "the agent does not know madvise %s", word);
	return 0;
}

static void verb_madvise(struct outcome *out, const struct op *op)
{
	if (!strcmp(op->word, "pageout") && !features.swap) {
		const struct region *region = op->region < 0 ? NULL : &shared->job.regions[op->region];
		if (region && region->file < 0) {
			skip(out, "there is no swap");
			return;
		}
	}
	out->result = advise(out, op->at, op->pages, op->word);
}

/* mmap(2) of a whole region, with what is advised at once. */
long map_region(struct outcome *out, const struct region *region)
{
	const struct job *job = &shared->job;
	const struct file *file = region->file < 0 ? NULL : &job->files[region->file];
	int flags = MAP_FIXED | (region->shared ? MAP_SHARED : MAP_PRIVATE) | (file ? 0 : MAP_ANONYMOUS);
	bool device = file && !strcmp(file->kind, "device");
	u64 length = region->pages * PAGE;
	if (file && file->fd < 0) {
		skip(out, "%s", file->skip);
		return 0;
	}
	/* A device's file begins where this machine has some memory without page structures. */
	off_t offset = device ? 0xa0000 : 0;
	long at = outcome_of((long)mmap((void *)region->at, length, region->prot, flags, file ? file->fd : -1, offset));
	if (at != (long)region->at)
		return at;
	long result = 0;
	if (region->thp >= 0 && !device && features.mode_pages)
		result = advise(out, region->at, region->pages, region->thp ? "hugepage" : "nohugepage");
	for (int i = 0; i < region->nadvice && result == 0; i++)
		result = advise(out, region->at, region->pages, region->advice[i]);
	return result;
}

static void verb_mmap(struct outcome *out, const struct op *op)
{
	out->result = map_region(out, &shared->job.regions[op->region]);
}

static void verb_munmap(struct outcome *out, const struct op *op)
{
	out->result = outcome_of(munmap((void *)op->at, op->pages * PAGE));
}

static void verb_mremap(struct outcome *out, const struct op *op)
{
	u64 length = op->pages * PAGE;
	long at = outcome_of(syscall(SYS_mremap, op->at, length, length, MREMAP_MAYMOVE | MREMAP_FIXED, op->to));
	out->result = at == (long)op->to ? 0 : at;
}

static void verb_mprotect(struct outcome *out, const struct op *op)
{
	int prot = 0;
	if (strcmp(op->word, "none"))
		prot = (strchr(op->word, 'r') ? PROT_READ : 0) | (strchr(op->word, 'w') ? PROT_WRITE : 0) |
		       (strchr(op->word, 'x') ? PROT_EXEC : 0);
	out->result = outcome_of(mprotect((void *)op->at, op->pages * PAGE, prot));
}

static void verb_fork(struct outcome *out, const struct op *op)
{
	int uffds[MAX_UFFDS];
	int count = own_uffds(uffds);
	/* fork() of the C library lets one thread after another in, and one may wait for whoever reads its message. */
	pid_t pid = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
	if (pid == 0) {
		/* The fixture opened nothing for the child, whose copies would keep a userfaultfd alive. */
		for (int i = 0; i < count; i++)
			close(uffds[i]);
		actor_loop(&shared->slots[op->child]);
	}
	out->result = pid < 0 ? -errno : 0;
}

static void verb_exit(struct outcome *out, const struct op *op)
{
	(void)out;
	(void)op;
	me->exiting = true;
	_exit(0);
}

static void verb_post(struct outcome *out, const struct op *op)
{
	_Atomic uint32_t *semaphore = &shared->job.semaphores[op->semaphore];
	(void)out;
	atomic_fetch_add(semaphore, 1);
	futex_wake(semaphore);
}

static void verb_wait(struct outcome *out, const struct op *op)
{
	_Atomic uint32_t *semaphore = &shared->job.semaphores[op->semaphore];
	(void)out;
	for (;;) {
		uint32_t value = atomic_load(semaphore);
		if (value > 0 && atomic_compare_exchange_strong(semaphore, &value, value - 1))
			break;
		me->blocking = true;
		if (value == 0)
			futex_wait(semaphore, 0, -1);
		me->blocking = false;
	}
}

static void other_verb(struct outcome *out, const struct op *op);

const struct verb verbs[] = {
	{ "write", verb_write }, { "read", verb_read },
	{ "sys_read", verb_sys_read }, { "sys_write", verb_sys_write },
	{ "poke", verb_poke }, { "peek", verb_peek }, { "gup_write", verb_gup_write },
	{ "mmap", verb_mmap }, { "munmap", verb_munmap }, { "mremap", verb_mremap },
	{ "mprotect", verb_mprotect }, { "madvise", verb_madvise },
	{ "tlb_fill", other_verb }, { "tlb_drop", other_verb },
	{ "fork", verb_fork }, { "exit", verb_exit },
	{ "post", verb_post }, { "wait", verb_wait },
	{ "uffd_open", other_verb }, { "uffd_register", other_verb }, { "uffd_unregister", other_verb },
	{ "uffd_protect", other_verb }, { "uffd_unprotect", other_verb }, { "uffd_copy", other_verb },
	{ "uffd_zeropage", other_verb }, { "uffd_wake", other_verb }, { "uffd_close", other_verb },
	{ "uffd_wait", other_verb }, { "uffd_poll", other_verb }, { "uffd_serve", other_verb },
	{ "ksm_run", other_verb }, { "ksm_unmerge", other_verb }, { "khugepaged", other_verb },
	{ "migrate", other_verb }, { "numa_scan", other_verb }, { "swapoff", other_verb },
	{ "fsync", other_verb }, { "file_write", other_verb }, { "clear_refs", other_verb },
	{ "pagemap", other_verb }, { NULL, NULL },
};

static void other_verb(struct outcome *out, const struct op *op)
{
	const char *name = verbs[op->verb].name;
	deed run = strncmp(name, "uffd_", 5) ? work_verb(name) : uffd_verb(name);
	run(out, op);
}

int verb_named(const char *name)
{
	for (int i = 0; verbs[i].name; i++)
		if (!strcmp(verbs[i].name, name))
			return i;
	return -1;
}
