//: what these are
Parts of the programs that `faultline explain FIXTURE VARIANT --c` prints: each from its "//: name" to the next. A program
gets those that it needs, and the parts that they need in turn, in this order. This file itself is never compiled.

//: includes
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#define MADV_POPULATE_WRITE 23
#endif
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

typedef uint64_t u64;
#define PAGE 4096UL

//: tables
enum { SEGV = 1000 }; /* what a step came to that got a SIGSEGV; errors are negative */

struct step {
	const char *what;
	int ways; /* how many of `may` count; 0: not known */
	long may[6]; /* what the step may come to */
};

/* What a page that is read may hold: one of the rows of its step, or of the look at what is left. */
struct expected {
	int step; /* or the number of another test */
	u64 first, last; /* pages of the step */
	u64 value, stride; /* of the first page, and how much more each further one has */
};

/* Pages that must be heard of on a userfaultfd, and how often each. */
struct event {
	const char *what;
	u64 at, pages;
	bool wp;
	unsigned least;
	int counter; /* of its first page */
};

/* Memory that is looked at when all is done. */
struct contents {
	const char *what;
	int process;
	u64 at;
};

//: shared
enum { WAITING, BEGUN, ENDED };

/* What the threads and processes of a round share with the one that reports. */
static struct shared {
	_Atomic int state[STEPS], thread[STEPS];
	_Atomic int process[PROCESSES];
	_Atomic unsigned seen[EVENT_PAGES + 1];
	sem_t semaphores[SEMAPHORES + 1];
	char failed[TESTS][200];
	char skipped[200];
} *shared;

static __thread sigjmp_buf landing;
static __thread volatile int caught;
static __thread void *volatile caught_at;
static __thread bool armed, over, again;

static void __attribute__((format(printf, 2, 3))) fail(int test, const char *format, ...)
{
	va_list arguments;
	if (*shared->failed[test])
		return; /* the first reason is the best */
	va_start(arguments, format);
	vsnprintf(shared->failed[test], sizeof shared->failed[test], format, arguments);
	va_end(arguments);
}

static void __attribute__((noreturn, format(printf, 1, 2))) skip(const char *format, ...)
{
	char text[sizeof shared->skipped];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	memcpy(shared->skipped, text, sizeof text);
	for (;;)
		pause();
}

//: steps shared
static void on_signal(int signal, siginfo_t *info, void *context)
{
	(void)context;
	if (!armed)
		_exit(99);
	caught = signal;
	caught_at = info->si_addr;
	siglongjmp(landing, 1);
}

static const char *name_of(long result)
{
	if (result == SEGV)
		return "SIGSEGV";
	return result < 0 ? strerror((int)-result) : "success";
}

/* False if a SIGBUS has ended the program of this thread. */
static bool begin(int step)
{
	caught = 0;
	shared->thread[step] = (int)syscall(SYS_gettid);
	if (over) {
		fail(step, "not performed, as a SIGBUS has ended the program before");
		shared->state[step] = ENDED;
		return false;
	}
	shared->state[step] = BEGUN;
	armed = true;
	return true;
}

static void end(int step, long result)
{
	const struct step *it = &steps[step];
	bool fine = !it->ways;
	armed = false;
	if (caught == SIGSEGV)
		result = SEGV;
	for (int i = 0; i < it->ways; i++)
		fine = fine || it->may[i] == result;
	if (caught == SIGBUS) {
		fail(step, "SIGBUS at %p", caught_at);
		over = true;
	} else if (!fine) {
		fail(step, "%s, not %s", name_of(result), name_of(it->may[0]));
	}
	if (!again)
		shared->state[step] = ENDED;
}

/* A signal ends the step, not the program. */
#define STEP(step, call) \
	do { \
		if (begin(step)) \
			end(step, sigsetjmp(landing, 1) ? 0 : (long)(call)); \
	} while (0)

//: ended steps
static void ended(int step)
{
	while (shared->state[step] != ENDED)
		sched_yield();
}

//: asleep
static bool is_asleep(int thread)
{
	char path[64], text[512], *name;
	ssize_t length;
	int fd;

	snprintf(path, sizeof path, "/proc/%d/stat", thread);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	length = read(fd, text, sizeof text - 1);
	close(fd);
	text[length < 0 ? 0 : length] = 0;
	name = strrchr(text, ')');
	return name && name[1] && (name[2] == 'S' || name[2] == 'D');
}

//: after steps asleep
/*
 * Until that step has ended, or its thread has slept in it for a while: in the kernel, until somebody helps it. A step
 * that nobody comes to is not waited for much longer.
 */
static void after(int step)
{
	enum { WEIGHT = 25, ENOUGH = 500 };
	for (int calm = 0; shared->state[step] != ENDED && calm < ENOUGH; usleep(1000)) {
		if (shared->state[step] == WAITING)
			calm++;
		else
			calm = is_asleep(shared->thread[step]) ? calm + WEIGHT : 0;
	}
}

//: stay
/* Until the round is over: a thread that ends would take the children that it forked with it. */
static void *stay(void)
{
	while (pause())
		continue;
	return NULL;
}

//: map
static long map(u64 at, u64 pages, int prot, int flags, int fd)
{
	void *got = mmap((void *)at, pages * PAGE, prot, flags | MAP_FIXED, fd, 0);
	return got == MAP_FAILED ? -errno : 0;
}

//: advise
static long advise(u64 at, u64 pages, int advice)
{
	return madvise((void *)at, pages * PAGE, advice) ? -errno : 0;
}

//: small_pages advise
/* Where there are no huge pages, all are small. */
static long small_pages(u64 at, u64 pages)
{
	advise(at, pages, MADV_NOHUGEPAGE);
	return 0;
}

//: huge_pages advise shared
static long huge_pages(u64 at, u64 pages)
{
	char text[64] = "never [never]";
	int fd = open("/sys/kernel/mm/transparent_hugepage/enabled", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		skip("this kernel has no transparent huge pages");
	if (read(fd, text, sizeof text - 1) <= 0 || strstr(text, "[never]"))
		skip("transparent huge pages are turned off");
	close(fd);
	return advise(at, pages, MADV_HUGEPAGE);
}

//: set_up shared
static void set_up(const char *what, long result)
{
	if (result)
		skip("%s: %s", what, strerror((int)-result));
}

//: open_memory_file shared
static int open_memory_file(u64 pages)
{
	int fd = (int)syscall(SYS_memfd_create, "reproducer", 1u);
	if (fd < 0 || ftruncate(fd, (off_t)(pages * PAGE)))
		skip("memfd_create: %s", strerror(errno));
	return fd;
}

//: open_disk_file shared
/* Of a file system that is told of first writes to a page: ext4, XFS, Btrfs or F2FS. */
static int open_disk_file(u64 pages)
{
	static const char zeroes[PAGE];
	char path[] = "reproducer-XXXXXX";
	struct statfs about;
	int fd = mkstemp(path);
	unsigned long type;

	if (fd < 0)
		skip("no file can be made in this folder: %s", strerror(errno));
	unlink(path);
	type = fstatfs(fd, &about) ? 0 : (unsigned long)about.f_type & 0xffffffff;
	if (type != 0xef53 && type != 0x58465342 && type != 0x9123683e && type != 0xf2f52010)
		skip("this folder is not on ext4, XFS, Btrfs or F2FS");
	for (u64 i = 0; i < pages; i++)
		if (pwrite(fd, zeroes, PAGE, (off_t)(i * PAGE)) != PAGE)
			skip("the file cannot be written: %s", strerror(errno));
	fsync(fd);
	return fd;
}

//: store
/* One store to each page. */
static long store(u64 at, u64 pages, u64 value, u64 stride)
{
	for (u64 i = 0; i < pages; i++)
		*(volatile u64 *)(at + i * PAGE) = value + i * stride;
	return 0;
}

//: check shared
static const char *whose(u64 value)
{
	u64 step = (value >> 20) - 1;
	return value >> 20 && step < STEPS ? steps[step].what : value ? "somebody else" : "nobody";
}

static void check(int step, u64 page, u64 value)
{
	const struct expected *wanted = NULL;
	for (size_t i = 0; expected[i].step >= 0; i++) {
		const struct expected *row = &expected[i];
		if (row->step != step || page < row->first || page > row->last)
			continue;
		if (value == row->value + (page - row->first) * row->stride)
			return;
		wanted = row;
	}
	if (!wanted)
		return; /* nobody knows */
	fail(step, "page %llu holds %#llx, stored by %s, not what was stored by %s", (unsigned long long)page,
	     (unsigned long long)value, whose(value), whose(wanted->value));
}

//: load check
/* One load from each page. */
static long load(int step, u64 at, u64 pages)
{
	for (u64 i = 0; i < pages; i++)
		check(step, i, *(volatile u64 *)(at + i * PAGE));
	return 0;
}

//: read_into
/* read(2) into the page. */
static long read_into(u64 at, u64 value)
{
	long result = -EIO;
	int ends[2];

	if (pipe(ends))
		return -errno;
	if (write(ends[1], &value, sizeof value) == sizeof value)
		result = read(ends[0], (void *)at, sizeof value) < 0 ? -errno : 0;
	close(ends[0]);
	close(ends[1]);
	return result;
}

//: write_from check
/* write(2) of the page. */
static long write_from(int step, u64 at)
{
	long result;
	u64 value;
	int ends[2];

	if (pipe(ends))
		return -errno;
	result = write(ends[1], (void *)at, sizeof value) < 0 ? -errno : 0;
	if (!result && read(ends[0], &value, sizeof value) == sizeof value)
		check(step, 0, value);
	close(ends[0]);
	close(ends[1]);
	return result;
}

//: open_mem
static int open_mem(int pid)
{
	char path[64];
	snprintf(path, sizeof path, "/proc/%d/mem", pid);
	return open(path, O_RDWR | O_CLOEXEC);
}

//: poke open_mem
/* A store with FOLL_FORCE, as debuggers do. */
static long poke(int pid, u64 at, u64 value)
{
	int fd = open_mem(pid);
	long result = fd < 0 || pwrite(fd, &value, sizeof value, (off_t)at) < 0 ? -errno : 0;
	if (fd >= 0)
		close(fd);
	return result;
}

//: peek open_mem check
/* A load with FOLL_FORCE, as debuggers do. */
static long peek(int step, int pid, u64 at)
{
	u64 value;
	int fd = open_mem(pid);
	long result = fd < 0 || pread(fd, &value, sizeof value, (off_t)at) < 0 ? -errno : 0;
	if (!result)
		check(step, 0, value);
	if (fd >= 0)
		close(fd);
	return result;
}

//: store_in
static long store_in(int pid, u64 at, u64 value)
{
	struct iovec from = { &value, sizeof value }, to = { (void *)at, sizeof value };
	return process_vm_writev(pid, &from, 1, &to, 1, 0) < 0 ? -errno : 0;
}

//: unmap
static long unmap(u64 at, u64 pages)
{
	return munmap((void *)at, pages * PAGE) ? -errno : 0;
}

//: move
static long move(u64 at, u64 pages, u64 to)
{
	u64 length = pages * PAGE;
	void *got = mremap((void *)at, length, length, MREMAP_MAYMOVE | MREMAP_FIXED, (void *)to);
	return got == MAP_FAILED ? -errno : 0;
}

//: protect
static long protect(u64 at, u64 pages, int prot)
{
	return mprotect((void *)at, pages * PAGE, prot) ? -errno : 0;
}

//: page_out advise shared
/* MADV_PAGEOUT of private memory; without swap nothing would happen. */
static long page_out(u64 at, u64 pages)
{
	char text[512];
	int fd = open("/proc/swaps", O_RDONLY | O_CLOEXEC);
	ssize_t length = fd < 0 ? 0 : read(fd, text, sizeof text - 1);
	char *line;

	text[length < 0 ? 0 : length] = 0;
	line = strchr(text, '\n');
	if (fd >= 0)
		close(fd);
	if (!line || !line[1])
		skip("there is no swap space");
	return advise(at, pages, MADV_PAGEOUT);
}

//: fork_child steps
/* The child goes on with a program of its own, and is killed when the round is over. */
static long fork_child(int process, void *(*actor)(void *))
{
	pid_t pid = fork();
	if (pid)
		return pid < 0 ? -errno : 0;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	shared->process[process] = getpid();
	/* Its copies would keep a userfaultfd alive that its parent closes. */
	for (int i = 0; i < UFFDS; i++)
		close(uffds[i]);
	actor(NULL);
	return 0;
}

//: wait_for shared
static long wait_for(int semaphore)
{
	while (sem_wait(&shared->semaphores[semaphore]))
		continue;
	return 0;
}

//: post shared
static long post(int semaphore)
{
	return sem_post(&shared->semaphores[semaphore]) ? -errno : 0;
}

//: open_uffd shared
static long open_uffd(int uffd, u64 features)
{
	struct uffdio_api api = { .api = UFFD_API }, probe = api;
	int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	int other;

	if (fd < 0 && errno == ENOSYS)
		skip("this kernel has no userfaultfd");
	if (fd < 0)
		skip("userfaultfd: %s (be root, or set vm.unprivileged_userfaultfd to 1)", strerror(errno));
	other = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	if (other < 0 || ioctl(other, UFFDIO_API, &probe))
		skip("UFFDIO_API: %s", strerror(errno));
	close(other);
	if (!(probe.features & UFFD_FEATURE_PAGEFAULT_FLAG_WP))
		skip("userfaultfd has no write protection here");
	if (features & ~probe.features)
		skip("userfaultfd has no features %#llx here", (unsigned long long)(features & ~probe.features));
	api.features = features;
	if (ioctl(fd, UFFDIO_API, &api))
		skip("UFFDIO_API: %s", strerror(errno));
	uffds[uffd] = fd;
	return 0;
}

//: uffd_register
static long uffd_register(int uffd, u64 at, u64 pages, u64 mode)
{
	struct uffdio_register arguments = { .range = { at, pages * PAGE }, .mode = mode };
	return ioctl(uffds[uffd], UFFDIO_REGISTER, &arguments) ? -errno : 0;
}

//: uffd_unregister
static long uffd_unregister(int uffd, u64 at, u64 pages)
{
	struct uffdio_range range = { at, pages * PAGE };
	return ioctl(uffds[uffd], UFFDIO_UNREGISTER, &range) ? -errno : 0;
}

//: uffd_wake
static long uffd_wake(int uffd, u64 at, u64 pages)
{
	struct uffdio_range range = { at, pages * PAGE };
	return ioctl(uffds[uffd], UFFDIO_WAKE, &range) ? -errno : 0;
}

//: uffd_writeprotect
static long uffd_writeprotect(int uffd, u64 at, u64 pages, u64 mode)
{
	struct uffdio_writeprotect arguments = { .range = { at, pages * PAGE }, .mode = mode };
	return ioctl(uffds[uffd], UFFDIO_WRITEPROTECT, &arguments) ? -errno : 0;
}

//: uffd_copy
static long uffd_copy(int uffd, u64 at, u64 value, u64 mode)
{
	u64 page[PAGE / sizeof(u64)] = { value };
	struct uffdio_copy arguments = { .dst = at, .src = (u64)page, .len = PAGE, .mode = mode };
	return ioctl(uffds[uffd], UFFDIO_COPY, &arguments) ? -errno : 0;
}

//: uffd_zeropage
static long uffd_zeropage(int uffd, u64 at, u64 pages, u64 mode)
{
	struct uffdio_zeropage arguments = { .range = { at, pages * PAGE }, .mode = mode };
	return ioctl(uffds[uffd], UFFDIO_ZEROPAGE, &arguments) ? -errno : 0;
}

//: uffd_close
static long uffd_close(int uffd)
{
	int fd = uffds[uffd];
	uffds[uffd] = -1;
	return close(fd) ? -errno : 0;
}

//: receive shared
static __thread struct uffd_msg last;

/* Reads one message into `last`. */
static long receive(int uffd, bool waits)
{
	struct pollfd one = { .fd = uffds[uffd], .events = POLLIN };
	ssize_t length;

	while ((length = read(one.fd, &last, sizeof last)) < 0 && errno == EAGAIN && waits)
		poll(&one, 1, -1);
	if (length != sizeof last)
		return length < 0 ? -errno : -EIO;
	if (last.event == UFFD_EVENT_FORK)
		uffds[FORKED] = (int)last.arg.fork.ufd;
	for (int i = 0; events[i].what && last.event == UFFD_EVENT_PAGEFAULT; i++) {
		u64 page = (last.arg.pagefault.address - events[i].at) / PAGE;
		bool wp = last.arg.pagefault.flags & UFFD_PAGEFAULT_FLAG_WP;
		if (last.arg.pagefault.address >= events[i].at && page < events[i].pages && wp == events[i].wp)
			shared->seen[(u64)events[i].counter + page]++;
	}
	return 0;
}

//: fault receive
/* The page of the message that this thread has read last. */
#define FAULT ((u64)last.arg.pagefault.address & ~(PAGE - 1))

//: serve fault uffd_writeprotect uffd_copy uffd_zeropage
enum { SNAPSHOT = 1, ZEROPAGE = 2 };

static long answer(int uffd, int manner, u64 at, u64 pages)
{
	if (last.event != UFFD_EVENT_PAGEFAULT)
		return 0;
	if (!(last.arg.pagefault.flags & UFFD_PAGEFAULT_FLAG_WP))
		return manner & ZEROPAGE ? uffd_zeropage(uffd, FAULT, 1, 0) : uffd_copy(uffd, FAULT, 0, 0);
	if (manner & SNAPSHOT)
		(void)*(volatile u64 *)FAULT;
	return pages ? uffd_writeprotect(uffd, at, pages, 0) : uffd_writeprotect(uffd, FAULT, 1, 0);
}

/* Answers messages until the round is over: un-protects the page, or these pages; gives a missing page. */
static long serve(int uffd, int manner, u64 at, u64 pages)
{
	long result;

	while (!(result = receive(uffd, true))) {
		struct uffd_msg asked = last;
		/* While the memory map changes answers are refused, and the message of the change comes first. */
		while (answer(uffd, manner, at, pages) == -EAGAIN) {
			if (receive(uffd, false))
				usleep(1000);
			last = asked;
		}
	}
	return result;
}

//: soft_dirty shared
/* Whether each page is soft-dirty: a page that was just written must be, where the kernel keeps track. */
static u64 soft_dirty_of(u64 address)
{
	u64 entry = 0;
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);

	if (fd < 0 || pread(fd, &entry, sizeof entry, (off_t)(address / PAGE * sizeof entry)) != sizeof entry)
		skip("/proc/self/pagemap: %s", strerror(errno));
	close(fd);
	return entry >> 55 & 1;
}

static void want_soft_dirty(void)
{
	volatile u64 *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	*page = 1;
	if (!soft_dirty_of((u64)page))
		skip("this kernel does not track soft-dirty");
	munmap((void *)page, PAGE);
}

//: pagemap soft_dirty check
static long pagemap(int step, u64 at, u64 pages)
{
	want_soft_dirty();
	for (u64 i = 0; i < pages; i++)
		check(step, i, soft_dirty_of(at + i * PAGE));
	return 0;
}

//: clear_refs
static long clear_refs(const char *word)
{
	int fd = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);
	long result = fd < 0 || write(fd, word, strlen(word)) < 0 ? -errno : 0;
	if (fd >= 0)
		close(fd);
	return result;
}

//: migrate shared
static long migrate_to(u64 at, u64 pages, int node)
{
	for (u64 i = 0; i < pages; i++) {
		void *page = (void *)(at + i * PAGE);
		int status;
		if (syscall(SYS_move_pages, 0, 1, &page, &node, &status, 2 /* MPOL_MF_MOVE */) < 0)
			return -errno;
	}
	return 0;
}

/* To that node; -1: to another one and back, as there is no way to move chosen pages within a node. */
static long migrate(u64 at, u64 pages, int node)
{
	unsigned here = 0;

	if (access("/sys/devices/system/node/node1", F_OK))
		skip("there is only 1 NUMA node");
	if (node >= 0)
		return migrate_to(at, pages, node);
	syscall(SYS_getcpu, NULL, &here, NULL);
	return migrate_to(at, pages, here ? 0 : 1) ?: migrate_to(at, pages, (int)here);
}

//: synchronize
static long synchronize(int fd)
{
	return fsync(fd) ? -errno : 0;
}

//: write_file
static long write_file(int fd, u64 page, u64 value)
{
	return pwrite(fd, &value, sizeof value, (off_t)(page * PAGE)) < 0 ? -errno : 0;
}

//: threads
static void start(void *(*actor)(void *))
{
	pthread_t thread;
	if (pthread_create(&thread, NULL, actor, NULL))
		skip("pthread_create: %s", strerror(errno));
}

//: round
static double now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static pid_t start_process(int process, void (*program)(void), pid_t group)
{
	pid_t pid = fork();
	if (pid) {
		if (pid < 0)
			exit(4);
		setpgid(pid, group ? group : pid);
		return pid;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setpgid(0, group);
	shared->process[process] = getpid();
	program();
	for (;;)
		pause();
}

static bool is_over(void)
{
	for (int i = 0; i < STEPS; i++) {
		if (endless[i] || shared->state[i] == ENDED)
			continue;
		if (!optional[i] || shared->state[i] != BEGUN || !is_asleep(shared->thread[i]))
			return false;
	}
	return true;
}

/* Only at pages that must be there. */
static void check_contents(int test, const struct contents *it)
{
	for (size_t i = 0; expected[i].step >= 0; i++)
		for (u64 page = expected[i].first; expected[i].step == test && page <= expected[i].last; page++) {
			u64 value;
			struct iovec to = { &value, sizeof value }, from = { (void *)(it->at + page * PAGE), sizeof value };
			if (process_vm_readv(shared->process[it->process], &to, 1, &from, 1, 0) == sizeof value)
				check(test, page, value);
			else
				fail(test, "page %llu: %s", (unsigned long long)page, strerror(errno));
		}
}

static void check_round(bool through)
{
	for (int i = 0; i < STEPS && !through; i++)
		if (!endless[i] && !optional[i] && shared->state[i] != ENDED)
			fail(i, shared->state[i] == BEGUN ? "has not ended after %d seconds" :
							    "was not come to after %d seconds", LIMIT);
	for (int i = 0; i < EVENTS; i++)
		for (u64 page = 0; page < events[i].pages; page++) {
			unsigned seen = shared->seen[(u64)events[i].counter + page];
			if (seen < events[i].least)
				fail(STEPS + i, "page %llu: %u messages, not %u", (unsigned long long)page, seen,
				     events[i].least);
		}
}

/* All steps once, in processes of their own, which leave nothing behind. False if there is no use in another round. */
static bool run_round(void)
{
	pid_t pids[PROCESSES];
	double end = now() + LIMIT;
	bool through;

	memset((void *)shared->state, 0, sizeof shared->state);
	memset((void *)shared->seen, 0, sizeof shared->seen);
	for (int i = 0; i < SEMAPHORES; i++)
		sem_init(&shared->semaphores[i], 1, 0);
	for (int i = 0; i < STARTED; i++)
		pids[i] = start_process(i, programs[i], i ? pids[0] : 0);
	while (!(through = is_over()) && !*shared->skipped && now() < end)
		usleep(100);
	for (int i = 0; i < CONTENTS && through; i++)
		check_contents(STEPS + EVENTS + i, &contents[i]);
	kill(-pids[0], SIGKILL);
	for (int i = 0; i < STARTED; i++)
		waitpid(pids[i], NULL, 0);
	if (*shared->skipped)
		return false;
	check_round(through);
	for (int i = 0; i < TESTS; i++)
		if (*shared->failed[i])
			return false;
	return true;
}

static const char *name_of_test(int test)
{
	if (test < STEPS)
		return steps[test].what;
	return test < STEPS + EVENTS ? events[test - STEPS].what : contents[test - STEPS - EVENTS].what;
}

static int report(int rounds)
{
	int failures = 0;

	printf("TAP version 13\n");
	if (*shared->skipped) {
		printf("1..0 # SKIP %s\n", shared->skipped);
		return 4;
	}
	printf("1..%d\n", TESTS);
	if (ROUNDS > 1)
		printf("# %d rounds\n", rounds);
	for (int i = 0; i < TESTS; i++) {
		bool failed = *shared->failed[i];
		if (failed)
			printf("# %s\n", shared->failed[i]);
		printf("%s %d %s\n", failed ? "not ok" : "ok", i + 1, name_of_test(i));
		failures += failed;
	}
	printf("# Totals: pass:%d fail:%d xfail:0 xpass:0 skip:0 error:0\n", TESTS - failures, failures);
	return failures ? 1 : 0;
}

int main(void)
{
	struct sigaction action = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_NODEFER };
	double end = now() + SECONDS;
	int rounds = 0;

	shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		return 4;
	sigaction(SIGSEGV, &action, NULL);
	sigaction(SIGBUS, &action, NULL);
	while (rounds < ROUNDS && now() < end && ++rounds)
		if (!run_round())
			break;
	return report(rounds);
}
