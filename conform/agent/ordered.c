/* SPDX-License-Identifier: MIT */
/*
 * An order of turns. In a turn one actor goes on until its step ends, it sleeps or it comes to a pause, while all
 * others stay where they are: also those that the kernel has woken meanwhile. That needs no luck. All run on one CPU;
 * whoever has the turn and the coordinator have a real-time priority, so the CPU never comes to anybody else while one
 * of the two can run. The coordinator never sleeps; it yields. Whether somebody ran nevertheless is told by the count
 * of his context switches. Unlike a stop by ptrace or a signal this leaves a fault that sleeps as it is.
 */
#include "agent.h"
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PRIORITY = 1, PATIENCE = 20 };

/* Of those that are in the middle of a step: how often they had left the CPU when their turn was over. */
static long left_cpu[MAX_ACTORS];

/* Children get no priority of their own accord. */
static bool set_policy(int tid, int policy)
{
	struct sched_param priority = { policy == SCHED_OTHER ? 0 : PRIORITY };
	return sched_setscheduler(tid, policy | SCHED_RESET_ON_FORK, &priority) == 0;
}

static long switches_of(int actor)
{
	static const char *const names[] = { "\nvoluntary_ctxt_switches:", "\nnonvoluntary_ctxt_switches:" };
	const struct slot *slot = &shared->slots[actor];
	char path[64], text[2048];
	long sum = 0;
	snprintf(path, sizeof path, "/proc/%d/task/%d/status", slot->pid, slot->tid);
	if (read_text(path, text, sizeof text) <= 0)
		return -1;
	for (int i = 0; i < 2; i++) {
		const char *at = strstr(text, names[i]);
		sum += at ? atol(at + strlen(names[i])) : 0;
	}
	return sum;
}

/* In the actor's thread: a place between two steps of the kernel at which user space has it in hand. */
void pause_here(void)
{
	if (!shared->job.holding)
		return;
	atomic_store(&me->state, PAUSED);
	futex_wake(&me->state);
	while (me->state == PAUSED)
		futex_wait(&me->state, PAUSED, -1);
}

/* False where it neither ends, sleeps nor pauses. */
static bool run_until_rest(int actor)
{
	struct slot *slot = &shared->slots[actor];
	long begin = now_ms(), end = begin + shared->job.turn_ms;
	if (end > job_end)
		end = job_end;
	for (;;) {
		sched_yield();
		if (slot->state != TURN)
			return true;
		struct pause now = pause_of(actor);
		if (!now.state)
			slot->state = GONE;
		if (!now.state || now.parked)
			return true;
		if (now_ms() > end)
			return false;
		/* It may need a thread of the kernel, which needs the CPU. */
		if (now_ms() - begin > PATIENCE)
			usleep(1000);
	}
}

static void note_rest(int actor)
{
	left_cpu[actor] = switches_of(actor);
}

/* Those that moved although it was not their turn, as a list of JSON strings. */
static const char *who_ran(int actor)
{
	static char text[MAX_ACTORS * (NAME + 4)];
	size_t used = 0;
	*text = 0;
	for (int i = 0; i < shared->job.nactors; i++) {
		if (i == actor || left_cpu[i] < 0 || shared->slots[i].state == PAUSED || shared->slots[i].state == IDLE)
			continue;
		if (switches_of(i) == left_cpu[i])
			continue;
		used += (size_t)snprintf(text + used, sizeof text - used, "%s\"%s\"", used ? "," : "",
					 shared->job.actors[i].name);
		note_rest(i);
	}
	return text;
}

/* One turn. False if the job cannot go on. */
static bool follow_turn(int actor, int *last)
{
	struct slot *slot = &shared->slots[actor];
	bool begins = slot->state == IDLE, goes = begins || slot->state == PAUSED, repeats;
	if (slot->over || (!goes && slot->state != TURN))
		return true;
	if (begins) {
		int at = next_step(&cursors[actor], &repeats);
		if (at < 0)
			return true;
		atomic_store(&slot->op, at);
	}
	const struct op *op = &shared->job.ops[slot->op];
	*last = actor;
	set_policy(slot->tid, SCHED_RR);
	if (goes) {
		atomic_store(&slot->state, TURN);
		futex_wake(&slot->state);
	}
	bool rests = run_until_rest(actor);
	set_policy(slot->tid, SCHED_OTHER);
	if (!rests) {
		put_turn(actor, op, now_ms() > job_end ? "late" : "spins", NULL);
		return false;
	}
	wait_for_children();
	bool moved = goes || switches_of(actor) != left_cpu[actor];
	note_rest(actor);
	const char *how = slot->state == PAUSED ? "paused" : slot->state != TURN ? "ended" : moved ? "waits" : "blocked";
	put_turn(actor, op, how, who_ran(actor));
	return true;
}

/* All that waits may go on. */
static bool release(int last)
{
	shared->job.holding = false;
	for (int i = 0; i < shared->job.nactors; i++) {
		if (shared->slots[i].state != PAUSED)
			continue;
		atomic_store(&shared->slots[i].state, TURN);
		futex_wake(&shared->slots[i].state);
	}
	int spins = settle(-1);
	int actor = spins < 0 ? last : spins;
	if (actor >= 0)
		put_turn(actor, &shared->job.ops[shared->slots[actor].op], spins < 0 ? "released" : "spins", NULL);
	return spins < 0;
}

/* False, perhaps with `error` set, if the job cannot go on. */
bool follow_turns(char *error)
{
	struct job *job = &shared->job;
	int last = -1;
	if (!job->nturns)
		return true;
	if (!set_policy(0, SCHED_FIFO)) {
		snprintf(error, TEXT, "threads cannot be held: sched_setscheduler: %s", strerror(errno));
		return false;
	}
	for (int i = 0; i < MAX_ACTORS; i++)
		left_cpu[i] = -1;
	job->holding = true;
	bool through = true;
	for (int i = 0; i < job->nturns && through; i++)
		through = follow_turn(job->turns[i], &last);
	set_policy(0, SCHED_OTHER);
	return through && release(last);
}
