/* SPDX-License-Identifier: MIT */
/* Reads jobs from a file, or from standard input, and reports on each. As process 1 it is all that a guest has. */
#include "agent.h"
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/reboot.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

struct shared *shared;

long now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int read_text(const char *path, char *buffer, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t length = fd < 0 ? -1 : read(fd, buffer, size - 1);
	if (fd >= 0)
		close(fd);
	buffer[length < 0 ? 0 : length] = 0;
	return (int)length;
}

/* 0, or a negative errno. */
int write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	int result = write(fd, text, strlen(text)) < 0 ? -errno : 0;
	close(fd);
	return result;
}

static int open_serial(void)
{
	struct termios mode;
	int fd = open("/dev/ttyS1", O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return open("/dev/console", O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (tcgetattr(fd, &mode) == 0) {
		cfmakeraw(&mode);
		cfsetspeed(&mode, B115200);
		tcsetattr(fd, TCSANOW, &mode);
	}
	return fd;
}

static void say_hello(void)
{
	put("{\"k\":\"hello\",\"protocol\":1,\"release\":");
	put_text(features.release);
	put(",\"features\":{\"userfaultfd\":%d,\"userfaultfdErrno\":%d,\"userfaultfdFeatures\":%llu,\"softDirty\":%d,"
	    "\"scanCategories\":%llu,\"emptyWritten\":%d,\"holesWritten\":%d,\"kpageflags\":%d,\"ksmFlag\":%d,\"frames\":%d,\"ksm\":%d,\"swap\":%d,\"nodes\":%d,\"fs\":%d,\"thp\":%d}}",
	    features.uffd, features.uffd_errno, (unsigned long long)features.uffd_features, features.softdirty,
	    (unsigned long long)features.scan_categories, features.empty_written, features.holes_written, features.kpageflags, features.ksm_flag, features.frames, features.ksm, features.swap, features.nodes,
	    *fs_path != 0, features.mode_pages);
	put_end();
}

static void run_all(FILE *in)
{
	char error[TEXT];
	while (parse_job(in, &shared->job, error)) {
		if (!*error) {
			run_job();
			continue;
		}
		put("{\"k\":\"job\",\"name\":");
		put_text(shared->job.name);
		put("}");
		put_end();
		put("{\"k\":\"jobend\",\"error\":");
		put_text(error);
		put("}");
		put_end();
	}
	put("{\"k\":\"bye\"}");
	put_end();
}

/* The same addresses in every run, and one CPU, so that what depends on them is the same as well. */
static void make_steady(char **argv, bool guest)
{
	cpu_set_t first;
	int now = personality(0xffffffff);
	if (now >= 0 && !(now & ADDR_NO_RANDOMIZE) && personality((unsigned long)now | ADDR_NO_RANDOMIZE) >= 0)
		execv(guest ? "/init" : "/proc/self/exe", argv);
	CPU_ZERO(&first);
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		CPU_SET(cpu, &first);
		if (sched_setaffinity(0, sizeof first, &first) == 0)
			return;
		CPU_CLR(cpu, &first);
	}
}

int main(int argc, char **argv)
{
	bool guest = getpid() == 1;
	make_steady(argv, guest);
	if (guest) {
		set_up_guest();
		out_open(open_serial());
	} else {
		prctl(PR_SET_CHILD_SUBREAPER, 1);
	}
	if (argc > 2 && !guest)
		snprintf(fs_path, TEXT, "%s", argv[2]);
	shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	FILE *in = guest ? fopen("/jobs", "re") : argc > 1 ? fopen(argv[1], "re") : stdin;
	if (shared == MAP_FAILED || !in) {
		fprintf(stderr, "agent: %s\n", strerror(errno));
		return 1;
	}
	probe_features();
	give_scanners_work();
	say_hello();
	run_all(in);
	if (guest) {
		out_drain();
		reboot(RB_POWER_OFF);
		for (;;)
			pause();
	}
	return 0;
}
