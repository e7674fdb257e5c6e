/* SPDX-License-Identifier: MIT */
/* The processes under test and their threads. Each waits for its turn, performs one step and says what it came to. */
#include "agent.h"
#include <linux/futex.h>
#include <link.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

__thread struct slot *me;
static __thread sigjmp_buf landing;
static __thread volatile bool armed;

/* Of the linker: all that is written. */
extern char __data_start, _end;

void futex_wait(_Atomic uint32_t *word, uint32_t seen, long ms)
{
	struct timespec limit = { ms / 1000, ms % 1000 * 1000000 };
	syscall(SYS_futex, word, FUTEX_WAIT, seen, ms < 0 ? NULL : &limit, NULL, 0);
}

void futex_wake(_Atomic uint32_t *word)
{
	syscall(SYS_futex, word, FUTEX_WAKE, 1 << 30, NULL, NULL, 0);
}

void skip(struct outcome *out, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(out->skip, TEXT, format, arguments);
	va_end(arguments);
}

/* Of a call that returns -1 and errno: what the kernel returned. */
long outcome_of(long result)
{
	return result == -1 ? -errno : result;
}

/* Values that go up evenly over pages that follow each other are one run. */
void value_read(struct outcome *out, u64 index, u64 value)
{
	struct run *run = out->nruns ? &out->runs[out->nruns - 1] : NULL;
	if (run && index == run->first + run->count) {
		u64 stride = run->count == 1 ? value == run->value + 1 : run->stride;
		if (value == run->value + stride * run->count) {
			run->stride = stride;
			run->count++;
			return;
		}
	}
	if (out->nruns == MAX_RUNS) {
		out->cut = true;
		return;
	}
	out->runs[out->nruns++] = (struct run){ index, 1, value, 0 };
}

/* As in the model: contents that are named are kept apart from those that are counted. */
u64 content_of(const struct op *op)
{
	if (op->value < 0)
		return atomic_fetch_add(&shared->job.next_content, 1);
	return op->value ? 1000000 + (u64)op->value : 0;
}

/* The process that has the region of the step, or that of the actor when it is not there any more. */
pid_t owner_of(const struct op *op)
{
	int pid = op->region < 0 ? 0 : shared->slots[shared->job.regions[op->region].actor].pid;
	return pid > 0 ? pid : getpid();
}

static void on_signal(int signal, siginfo_t *info, void *context)
{
	(void)context;
	if (!me || !armed) {
		if (me)
			me->crashed = signal;
		_exit(99);
	}
	me->out.signal = signal;
	me->out.code = info->si_code;
	me->out.address = (u64)info->si_addr;
	siglongjmp(landing, 1);
}

static void catch_signals(void)
{
	struct sigaction action = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_NODEFER };
	sigaction(SIGSEGV, &action, NULL);
	sigaction(SIGBUS, &action, NULL);
	signal(SIGCHLD, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
}

static void touch(char *from, char *to, bool write)
{
	for (char *at = (char *)((u64)from & ~(u64)(PAGE - 1)); at < to; at += PAGE) {
		if (write)
			__atomic_fetch_or(at, 0, __ATOMIC_RELAXED);
		else
			(void)*(volatile char *)at;
	}
}

/* The agent's own program: text, constants, and what it starts with. A process has none of it mapped at first. */
static int touch_program(struct dl_phdr_info *program, size_t size, void *unused)
{
	(void)size;
	(void)unused;
	for (int i = 0; i < program->dlpi_phnum; i++) {
		const ElfW(Phdr) *part = &program->dlpi_phdr[i];
		char *at = (char *)program->dlpi_addr + part->p_vaddr;
		if (part->p_type == PT_LOAD && part->p_flags & PF_R)
			touch(at, at + part->p_memsz, false);
	}
	return 0;
}

/* Takes the faults of the agent's own memory now, so that those which are counted belong to the step. */
static __attribute__((noinline)) void warm(const struct op *op)
{
	char stack[8 * PAGE];
	touch(stack, stack + sizeof stack, true);
	touch((char *)landing, (char *)(landing + 1), true);
	touch(&__data_start, &_end, true);
	touch((char *)me, (char *)&me->messages, true);
	touch((char *)&shared->job.next_content, (char *)(&shared->job + 1), true);
	touch((char *)op, (char *)(op + 1), true);
	touch((char *)&me->messages[me->nmessages % MAX_MESSAGES],
	      (char *)(&me->messages[me->nmessages % MAX_MESSAGES] + 1), true);
	/* After a fork the child has nothing of shared memory mapped: who owns the region stands there, too. */
	volatile pid_t owner = owner_of(op);
	(void)owner;
	now_ms(); /* the page of the clock */
	errno = 0;
}

static void count_faults(struct outcome *out, int sign)
{
	struct rusage usage;
	getrusage(RUSAGE_THREAD, &usage);
	out->minor += sign * usage.ru_minflt;
	out->major += sign * usage.ru_majflt;
}

static void perform(const struct op *op)
{
	struct outcome *out = &me->out;
	uint32_t before = shared->job.upsets;
	/* These two write-protect the agent's own memory, which it needs before it can count; that of who waits, too. */
	const char *name = verbs[op->verb].name;
	bool upsets = !strcmp(name, "fork") || !strcmp(name, "clear_refs");
	memset(out, 0, offsetof(struct outcome, runs));
	if (upsets)
		shared->job.upsets++;
	warm(op);
	count_faults(out, -1);
	if (!sigsetjmp(landing, 1)) {
		armed = true;
		verbs[op->verb].run(out, op);
	}
	armed = false;
	count_faults(out, 1);
	out->counted = before == shared->job.upsets;
}

/* The life of an actor. After a fork the child goes on with a slot of its own. */
void actor_loop(struct slot *slot)
{
	me = slot;
	atomic_store(&me->pid, getpid());
	atomic_store(&me->tid, (int)syscall(SYS_gettid));
	dl_iterate_phdr(touch_program, NULL);
	atomic_store(&me->state, IDLE);
	futex_wake(&me->state);
	for (;;) {
		uint32_t state = atomic_load(&me->state);
		if (state != TURN) {
			futex_wait(&me->state, state, -1);
			continue;
		}
		perform(&shared->job.ops[me->op]);
		atomic_store(&me->state, ENDED);
		futex_wake(&me->state);
	}
}

static void *thread_main(void *slot)
{
	actor_loop(slot);
	return NULL;
}

static bool is_first(int actor)
{
	const struct job *job = &shared->job;
	for (int i = 0; i < actor; i++)
		if (job->actors[i].parent < 0 && !strcmp(job->actors[i].process, job->actors[actor].process))
			return false;
	return true;
}

static void process_main(int first)
{
	const struct job *job = &shared->job;
	pthread_attr_t attributes;
	catch_signals();
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, 256 * 1024);
	for (int i = first + 1; i < job->nactors; i++) {
		pthread_t thread;
		if (job->actors[i].parent >= 0 || strcmp(job->actors[i].process, job->actors[first].process))
			continue;
		if (pthread_create(&thread, &attributes, thread_main, &shared->slots[i]))
			_exit(96);
	}
	actor_loop(&shared->slots[first]);
}

/* One process for each that the fixture names, its first actor on the main thread. */
void start_processes(void)
{
	const struct job *job = &shared->job;
	for (int i = 0; i < job->nactors; i++) {
		if (job->actors[i].parent >= 0 || !is_first(i))
			continue;
		pid_t pid = fork();
		if (pid == 0)
			process_main(i);
		if (pid < 0)
			return;
	}
	long end = now_ms() + 5000;
	for (int i = 0; i < job->nactors; i++) {
		struct slot *slot = &shared->slots[i];
		while (job->actors[i].parent < 0 && slot->state == UNBORN && now_ms() < end)
			futex_wait(&slot->state, UNBORN, 50);
	}
}
