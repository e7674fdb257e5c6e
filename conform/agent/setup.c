/* SPDX-License-Identifier: MIT */
/* What the machine has, and what it is given before a job. */
#include "agent.h"
#include "pagemap.h"
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/swap.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#define THP "/sys/kernel/mm/transparent_hugepage/"
#define KHUGEPAGED THP "khugepaged/"
#define NEVER "4000000000"

struct features features;
char fs_path[TEXT], swap_path[TEXT];

/* Drives that whoever starts the guest may have added: one with swap space, one with ext4. */
static void find_drives(void)
{
	static const char *const drives[] = { "nvme0n1", "nvme1n1", "vda", "vdb", "sda", "sdb" };
	static char head[PAGE];
	for (size_t i = 0; i < sizeof drives / sizeof *drives; i++) {
		char path[64];
		snprintf(path, sizeof path, "/dev/%s", drives[i]);
		int fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			continue;
		ssize_t length = pread(fd, head, sizeof head, 0);
		close(fd);
		if (length != sizeof head)
			continue;
		if (!memcmp(head + PAGE - 10, "SWAPSPACE2", 10) && !*swap_path)
			snprintf(swap_path, TEXT, "%s", path);
		else if ((unsigned char)head[1080] == 0x53 && (unsigned char)head[1081] == 0xef && !*fs_path &&
			 mkdir("/fs", 0755) == 0 && mount(path, "/fs", "ext4", 0, NULL) == 0)
			snprintf(fs_path, TEXT, "/fs");
	}
}

/* As the first process of a virtual machine. */
void set_up_guest(void)
{
	static const char *const folders[] = { "/proc", "/sys", "/dev", "/tmp" };
	for (int i = 0; i < 4; i++)
		mkdir(folders[i], 0755);
	mount("proc", "/proc", "proc", 0, NULL);
	mount("sysfs", "/sys", "sysfs", 0, NULL);
	mount("devtmpfs", "/dev", "devtmpfs", 0, NULL);
	mount("tmpfs", "/tmp", "tmpfs", 0, NULL);
	write_text("/proc/sys/kernel/printk", "8");
	write_text("/proc/sys/kernel/numa_balancing", "0");
	write_text("/proc/sys/vm/overcommit_memory", "1");
	write_text("/proc/sys/kernel/hung_task_timeout_secs", "20");
	for (int i = 0; i < 40 && access("/dev/nvme0n1", F_OK) && access("/dev/vda", F_OK); i++)
		usleep(10000);
	find_drives();
}

static void probe_userfaultfd(void)
{
	struct uffdio_api api = { .api = UFFD_API };
	int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	if (fd < 0) {
		features.uffd_errno = errno;
		return;
	}
	features.uffd = ioctl(fd, UFFDIO_API, &api) == 0;
	features.uffd_errno = features.uffd ? 0 : errno;
	features.uffd_features = api.features;
	close(fd);
}

static void probe_pagemap(void)
{
	volatile char *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	u64 entry = 0;
	if (page == MAP_FAILED || fd < 0)
		return;
	*page = 1;
	if (pread(fd, &entry, sizeof entry, (off_t)((u64)page / PAGE * sizeof entry)) != sizeof entry)
		entry = 0;
	features.softdirty = entry >> 55 & 1;
	features.frames = (entry & FRAME_MASK) != 0;
	probe_scan(fd);
	close(fd);
	fd = open("/proc/kpageflags", O_RDONLY | O_CLOEXEC);
	u64 flags = 0;
	features.kpageflags = features.frames && fd >= 0 &&
			      pread(fd, &flags, sizeof flags, (off_t)((entry & FRAME_MASK) * sizeof flags)) == sizeof flags;
	features.ksm_flag = features.kpageflags && !(flags & KPF_KSM);
	if (fd >= 0)
		close(fd);
	munmap((void *)page, PAGE);
}

void probe_features(void)
{
	struct utsname names;
	uname(&names);
	snprintf(features.release, sizeof features.release, "%s", names.release);
	probe_userfaultfd();
	probe_pagemap();
	features.ksm = access("/sys/kernel/mm/ksm/run", W_OK) == 0;
	features.mode_pages = access(THP "enabled", F_OK) == 0;
	features.swap = *swap_path;
	for (features.nodes = 0; features.nodes < 64; features.nodes++) {
		char path[64];
		snprintf(path, sizeof path, "/sys/devices/system/node/node%d", features.nodes);
		if (access(path, F_OK))
			break;
	}
	if (!features.nodes)
		features.nodes = 1;
}

/*
 * A process that only sleeps, with memory that may become huge pages and memory that may be merged: while no process has
 * such memory the kernel's threads do not scan, and nobody can tell that they are done. One page of it is there, since
 * khugepaged does not know untouched mappings, but lies where no huge page has room.
 */
void give_scanners_work(void)
{
	enum { HUGE = 2 << 20, SIZE = 4 * HUGE };
	int status;
	write_text(THP "enabled", "madvise");
	pid_t pid = fork();
	if (pid > 0)
		waitpid(pid, &status, WUNTRACED);
	if (pid)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	char *memory = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		_exit(98);
	char *aligned = (char *)(((u64)memory / HUGE + 1) * HUGE), *touched = aligned - PAGE;
	*(volatile char *)touched = 1;
	madvise(touched, HUGE + PAGE, MADV_HUGEPAGE);
	madvise(aligned + HUGE, HUGE, MADV_MERGEABLE);
	for (;;)
		raise(SIGSTOP);
}

/* A new time to sleep wakes khugepaged for one more scan, which ends before anything is there to be found. */
void still_khugepaged(void)
{
	enum { SCAN = 50000 };
	char now[32];
	if (read_text(KHUGEPAGED "scan_sleep_millisecs", now, sizeof now) > 0 && atol(now) == atol(NEVER))
		return;
	if (write_text(KHUGEPAGED "scan_sleep_millisecs", NEVER) == 0)
		usleep(SCAN);
}

/* What a job wants of the whole machine. On a running one, whoever started the agent puts it back. */
void set_up_machine(const struct job *job)
{
	if (*job->thp)
		write_text(THP "enabled", job->thp);
	still_khugepaged();
	write_text(THP "defrag", "always");
	write_text("/sys/kernel/mm/ksm/run", "0");
	if (*swap_path)
		swapon(swap_path, 0);
}

/* Folders of file systems with ->page_mkwrite(). */
static bool notes_writes(const char *path)
{
	struct statfs about;
	if (statfs(path, &about))
		return false;
	unsigned long type = (unsigned long)about.f_type & 0xffffffff;
	return type == 0xef53 || type == 0x58465342 || type == 0x9123683e || type == 0xf2f52010;
}

static void open_file(struct file *file)
{
	char path[2 * TEXT];
	if (!strcmp(file->kind, "device")) {
		file->fd = open("/dev/mem", O_RDWR | O_CLOEXEC);
		if (file->fd < 0)
			snprintf(file->skip, TEXT, "/dev/mem: %s", strerror(errno));
		return;
	}
	if (!strcmp(file->kind, "shmem")) {
		file->fd = (int)syscall(SYS_memfd_create, file->name, 1);
	} else if (!strcmp(file->kind, "fs") && *fs_path && notes_writes(fs_path)) {
		snprintf(path, sizeof path, "%s/faultline-%d-%s", fs_path, getpid(), file->name);
		file->fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		if (file->fd >= 0)
			unlink(path);
	} else {
		snprintf(file->skip, TEXT, "there is no file system of kind %s", file->kind);
		return;
	}
	if (file->fd < 0 || ftruncate(file->fd, file->pages * PAGE))
		snprintf(file->skip, TEXT, "file %s: %s", file->name, strerror(errno));
	/* Written, so that its pages have a place on the disk. */
	static const char zeroes[PAGE];
	for (long i = 0; i < file->pages && file->fd >= 0 && !strcmp(file->kind, "fs"); i++)
		if (pwrite(file->fd, zeroes, PAGE, i * PAGE) != PAGE)
			break;
	if (file->fd >= 0)
		fsync(file->fd);
}

bool open_files(struct job *job)
{
	for (int i = 0; i < job->nfiles; i++)
		open_file(&job->files[i]);
	return true;
}

void close_files(struct job *job)
{
	for (int i = 0; i < job->nfiles; i++)
		if (job->files[i].fd >= 0)
			close(job->files[i].fd);
}
