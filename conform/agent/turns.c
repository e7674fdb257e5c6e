/* SPDX-License-Identifier: MIT */
/* The coordinator: who has the turn, whether a step has ended or waits for something, and what is told of it. */
#include "agent.h"
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SLEEP_LIMIT = 5000, NO_WCHAN_LIMIT = 200 };

static struct pause pauses[MAX_ACTORS];
static long asleep_since[MAX_ACTORS];
long job_end;
struct cursor cursors[MAX_ACTORS];

struct pause pause_of(int actor)
{
	const struct slot *slot = &shared->slots[actor];
	char path[64], text[2048];
	struct pause pause = { 0 };
	snprintf(path, sizeof path, "/proc/%d/task/%d/status", slot->pid, slot->tid);
	if (read_text(path, text, sizeof text) <= 0)
		return pause;
	char *state = strstr(text, "State:\t"), *switches = strstr(text, "\nvoluntary_ctxt_switches:");
	pause.state = state ? state[7] : '?';
	pause.switches = switches ? atol(switches + 25) : 0;
	if (pause.state == 'Z' || pause.state == 'X')
		pause.state = 0;
	if (pause.state != 'S' && pause.state != 'D')
		return pause;
	snprintf(path, sizeof path, "/proc/%d/task/%d/wchan", slot->pid, slot->tid);
	bool known = read_text(path, text, sizeof text) > 0 && strcmp(text, "0");
	pause.parked = slot->blocking || (known && strstr(text, "userfault"));
	if (!pause.parked && pauses[actor].switches == pause.switches && asleep_since[actor])
		pause.parked = now_ms() - asleep_since[actor] > (known ? SLEEP_LIMIT : NO_WCHAN_LIMIT);
	return pause;
}

bool is_pending(int actor)
{
	return shared->slots[actor].state == TURN;
}

/* Looks at every step that has not ended; true if none of them moves. */
static bool all_parked(bool *same)
{
	bool parked = true;
	*same = true;
	for (int i = 0; i < shared->job.nactors; i++) {
		if (!is_pending(i))
			continue;
		struct pause now = pause_of(i);
		if (!now.state) {
			shared->slots[i].state = GONE;
			*same = false;
			continue;
		}
		bool moved = now.switches != pauses[i].switches || now.state != pauses[i].state;
		if (moved || !asleep_since[i])
			asleep_since[i] = now_ms();
		if (moved || now.parked != pauses[i].parked)
			*same = false;
		parked = parked && now.parked;
		pauses[i] = now;
	}
	return parked;
}

/* Waits until every step has ended or waits for something. Returns an actor that does neither, or -1. */
int settle(int actor)
{
	long end = now_ms() + shared->job.turn_ms;
	bool same;
	if (end > job_end)
		end = job_end;
	if (actor >= 0)
		futex_wait(&shared->slots[actor].state, TURN, 2);
	for (;;) {
		if (all_parked(&same) && same)
			return -1;
		for (int i = 0; i < shared->job.nactors; i++) {
			if (!is_pending(i) || pauses[i].parked)
				continue;
			if (now_ms() > end)
				return i;
			futex_wait(&shared->slots[i].state, TURN, 1);
			break;
		}
	}
}

static void put_messages(struct slot *slot)
{
	static const char *const names[] = { "pagefault", "fork", "remap", "remove", "unmap" };
	int from = slot->nmessages - slot->told > MAX_MESSAGES ? slot->nmessages - MAX_MESSAGES : slot->told;
	put("[");
	for (int i = from; i < slot->nmessages; i++) {
		const struct message *message = &slot->messages[i % MAX_MESSAGES];
		int event = message->event - 0x12;
		put("%s{\"event\":\"%s\",\"flags\":%llu,\"address\":%llu,\"to\":%llu,\"length\":%llu", i > from ? "," : "",
		    event >= 0 && event < 5 ? names[event] : "?", (unsigned long long)message->flags,
		    (unsigned long long)message->address, (unsigned long long)message->to,
		    (unsigned long long)message->len);
		if (message->answer != UNANSWERED)
			put(",\"answer\":%ld", message->answer);
		put("}");
	}
	put("]");
	slot->told = slot->nmessages;
}

static void put_reads(const struct outcome *out)
{
	put(",\"reads\":[");
	for (int i = 0; i < out->nruns; i++)
		put("%s[%llu,%llu,%llu,%lld]", i ? "," : "", (unsigned long long)out->runs[i].first,
		    (unsigned long long)out->runs[i].count, (unsigned long long)out->runs[i].value,
		    (long long)out->runs[i].stride);
	put("]");
}

static void put_ended(int actor)
{
	struct slot *slot = &shared->slots[actor];
	const struct outcome *out = &slot->out;
	put("{\"actor\":");
	put_text(shared->job.actors[actor].name);
	put(",\"op\":%d", shared->job.ops[slot->op].id);
	if (slot->state == GONE) {
		if (slot->exiting)
			put(",\"result\":0}");
		else
			put(",\"died\":%d}", slot->crashed);
		return;
	}
	if (*out->skip) {
		put(",\"skip\":");
		put_text(out->skip);
	} else if (out->signal) {
		put(",\"signal\":%d,\"code\":%d,\"address\":%llu", out->signal, out->code,
		    (unsigned long long)out->address);
	} else {
		put(",\"result\":%ld", out->result);
	}
	if (out->nruns)
		put_reads(out);
	if (out->counted)
		put(",\"minor\":%ld,\"major\":%ld", out->minor, out->major);
	put("}");
}

static bool has_ended(int actor)
{
	const struct slot *slot = &shared->slots[actor];
	return slot->state == ENDED || (slot->state == GONE && slot->pid > 0);
}

/* Ends what has ended, without a word. */
static void take_ends(void)
{
	for (int i = 0; i < shared->job.nactors; i++) {
		struct slot *slot = &shared->slots[i];
		slot->told = slot->nmessages;
		if (has_ended(i) && shared->job.ops[slot->op].file >= 0)
			look_afresh();
		if (slot->state == ENDED) {
			slot->over = slot->over || slot->out.signal == SIGBUS;
			slot->state = IDLE;
		} else if (slot->state == GONE) {
			slot->pid = 0;
		}
	}
}

/* `ran`: the JSON list of those who went on although they were to be held; NULL outside an order of turns. */
void put_turn(int actor, const struct op *op, const char *how, const char *ran)
{
	int count = 0;
	put("{\"k\":\"turn\",\"actor\":");
	put_text(shared->job.actors[actor].name);
	put(",\"op\":%d,\"how\":\"%s\",\"ends\":[", op->id, how);
	for (int i = 0; i < shared->job.nactors; i++) {
		if (!has_ended(i))
			continue;
		put(count++ ? "," : "");
		put_ended(i);
	}
	put("],\"messages\":[");
	count = 0;
	for (int i = 0; i < shared->job.nactors; i++) {
		struct slot *slot = &shared->slots[i];
		if (slot->told == slot->nmessages)
			continue;
		if (slot->nmessages > slot->told + 1)
			look_afresh();
		put(count++ ? ",[" : "[");
		put_text(shared->job.actors[i].name);
		put(",");
		put_messages(slot);
		put("]");
	}
	put("]");
	if (ran && *ran)
		put(",\"ran\":[%s]", ran);
	take_ends();
	put_log();
	look();
	put("}");
	put_end();
}

/* Whether a step of a repetition came to what it came to before. */
static bool is_as_before(struct op *op, const struct slot *slot)
{
	bool same = op->reported && slot->state == ENDED && slot->out.result == op->last_result &&
		    slot->out.signal == op->last_signal;
	op->reported = true;
	op->last_result = slot->out.result;
	op->last_signal = slot->out.signal;
	return same;
}

/* After forks that have ended, until the children are ready for a turn. Another actor's step may have let a fork end. */
void wait_for_children(void)
{
	for (int i = 0; i < shared->job.nactors; i++) {
		const struct slot *slot = &shared->slots[i];
		const struct op *op = &shared->job.ops[slot->op];
		if (slot->state != ENDED || op->child < 0 || strcmp(verbs[op->verb].name, "fork"))
			continue;
		struct slot *child = &shared->slots[op->child];
		for (long end = now_ms() + 5000; child->state == UNBORN && slot->out.result == 0 && now_ms() < end;)
			futex_wait(&child->state, UNBORN, 10);
	}
}

/* One turn. False if the job cannot go on. */
static bool take_turn(int actor, int at, bool repeats)
{
	struct op *op = &shared->job.ops[at];
	struct slot *slot = &shared->slots[actor];
	if (slot->over || slot->state != IDLE) {
		put_turn(actor, op, slot->over ? "over" : slot->state == TURN ? "blocked" : "absent", NULL);
		return true;
	}
	atomic_store(&slot->op, at);
	pauses[actor] = (struct pause){ 0 };
	asleep_since[actor] = 0;
	atomic_store(&slot->state, TURN);
	futex_wake(&slot->state);
	int spins = settle(actor);
	wait_for_children();
	if (spins >= 0) {
		put_turn(spins, &shared->job.ops[shared->slots[spins].op], now_ms() > job_end ? "late" : "spins", NULL);
		return false;
	}
	bool quiet = op->id < 0 && slot->state == ENDED && slot->out.result == 0 && !*slot->out.skip;
	if (quiet || (repeats && is_as_before(op, slot))) {
		take_ends();
		look_afresh();
	} else {
		put_turn(actor, op, slot->state == TURN ? "waits" : "ended", NULL);
	}
	return op->id >= 0 || quiet;
}

/* The next step of a list, or -1; `repeats` if it stood before the last round of a repetition. */
int next_step(struct cursor *cursor, bool *repeats)
{
	while (cursor->at < cursor->end) {
		const struct op *op = &shared->job.ops[cursor->at];
		if (op->kind == OP_STEP) {
			*repeats = false;
			for (int i = 0; i < cursor->depth; i++)
				*repeats = *repeats || cursor->rounds[i] > 1;
			return cursor->at++;
		}
		if (op->kind == OP_REPEAT && op->times > 0 && cursor->depth < DEPTH) {
			cursor->heads[cursor->depth] = cursor->at;
			cursor->rounds[cursor->depth++] = op->times;
			cursor->at++;
		} else if (op->kind == OP_REPEAT) {
			cursor->at = op->other_end + 1;
		} else if (--cursor->rounds[cursor->depth - 1] > 0) {
			cursor->at = cursor->heads[cursor->depth - 1] + 1;
		} else {
			cursor->depth--;
			cursor->at++;
		}
	}
	return -1;
}

static bool in_order(enum part part)
{
	struct cursor cursor = { 0 };
	bool repeats;
	const struct job *job = &shared->job;
	while (cursor.at < job->nops && job->ops[cursor.at].part != part)
		cursor.at++;
	for (cursor.end = cursor.at; cursor.end < job->nops && job->ops[cursor.end].part == part;)
		cursor.end++;
	for (int at; (at = next_step(&cursor, &repeats)) >= 0;)
		if (!take_turn(job->ops[at].actor, at, repeats))
			return false;
	return true;
}

static void find_tasks(void)
{
	const struct job *job = &shared->job;
	memset(cursors, 0, sizeof cursors);
	for (int i = 0; i < job->nops; i++) {
		struct cursor *cursor = &cursors[job->ops[i].actor];
		if (job->ops[i].part != PART_TASKS)
			continue;
		if (!cursor->end)
			cursor->at = i;
		cursor->end = i + 1;
	}
}

/* Always the first actor that can; those that serve come before all others. */
static bool tasks(void)
{
	const struct job *job = &shared->job;
	bool repeats;
	for (;;) {
		int actor = -1;
		for (int daemon = 1; daemon >= 0 && actor < 0; daemon--)
			for (int i = 0; i < job->nactors && actor < 0; i++)
				if (shared->slots[i].daemon == daemon && shared->slots[i].state == IDLE &&
				    cursors[i].at < cursors[i].end)
					actor = i;
		if (actor < 0)
			return true;
		int at = next_step(&cursors[actor], &repeats);
		if (at >= 0 && !take_turn(actor, at, repeats))
			return false;
	}
}

/* Every process ends. Returns how many would not. */
static int kill_processes(void)
{
	long end = now_ms() + 5000;
	int left;
	do {
		left = 0;
		while (waitpid(-1, NULL, WNOHANG) > 0)
			continue;
		for (int i = 0; i < shared->job.nactors; i++) {
			int pid = shared->slots[i].pid;
			if (pid <= 0 || kill(pid, SIGKILL))
				continue;
			left++;
		}
		usleep(left ? 500 : 0);
	} while (left && now_ms() < end);
	return left;
}

void run_job(void)
{
	struct job *job = &shared->job;
	bool first = true;
	char error[TEXT] = "";
	put("{\"k\":\"job\",\"name\":");
	put_text(job->name);
	put("}");
	put_end();
	job_end = now_ms() + job->limit_ms;
	forget_views();
	set_up_machine(job);
	open_files(job);
	start_processes();
	find_tasks();
	bool through = in_order(PART_START) && follow_turns(error) && tasks() && in_order(PART_FINALLY);
	put("{\"k\":\"jobend\",\"through\":%s,\"waits\":[", through ? "true" : "false");
	for (int i = 0; i < job->nactors; i++) {
		if (!is_pending(i))
			continue;
		put("%s[", first ? "" : ",");
		put_text(job->actors[i].name);
		put(",%d]", job->ops[shared->slots[i].op].id);
		first = false;
	}
	int left = kill_processes();
	put("],\"stuck\":%d", left);
	if (*error) {
		put(",\"error\":");
		put_text(error);
	}
	close_files(job);
	put_log();
	put("}");
	put_end();
}
