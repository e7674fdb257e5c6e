/* SPDX-License-Identifier: MIT */
/*
 * The agent performs the steps of fixtures on the kernel that runs it and says after each what user space can see.
 * conform/README.md has the protocol. One coordinator hands turns to the threads of the processes under test; all
 * of them share `shared`, which forks keep sharing.
 */
#ifndef AGENT_H
#define AGENT_H

#define _GNU_SOURCE
#include <errno.h>
#include <setjmp.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

typedef uint64_t u64;

enum {
	PAGE = 4096,
	MAX_ACTORS = 16,
	MAX_REGIONS = 32,
	MAX_FILES = 8,
	MAX_UFFDS = 16,
	MAX_SEMAPHORES = 16,
	MAX_OPS = 4096,
	MAX_TURNS = 4096,
	MAX_RUNS = 600,
	MAX_MESSAGES = 1024,
	NAME = 40,
	TEXT = 160,
};

enum part { PART_START, PART_TASKS, PART_FINALLY, PARTS };

/* One step, or the head or the end of a repetition. */
struct op {
	enum { OP_STEP, OP_REPEAT, OP_END } kind;
	enum part part;
	int actor;
	int id; /* -1: to set up; reported only when it fails */
	int verb;
	long times; /* OP_REPEAT */
	int other_end; /* OP_REPEAT: index of its OP_END; OP_END: of its OP_REPEAT */
	u64 at, pages, to;
	long value; /* -1: a store of its own */
	char word[NAME];
	char name[NAME]; /* userfaultfd that is opened or used, file or child */
	bool missing, wp, dontwake, fault;
	int region, semaphore, file, child;
	long file_page;
	int node;
	u64 features;
	/* What it came to last time, so that repetitions are told only where they differ. */
	bool reported;
	long last_result;
	int last_signal;
	bool pauses; /* in an order of turns: after each page but the last */
};

struct run {
	u64 first, count, value, stride;
};

enum { UNANSWERED = 1 << 30 };

struct message {
	unsigned char event;
	u64 flags, address, to, len;
	long answer;
};

/* What one step came to. */
struct outcome {
	long result;
	int signal, code;
	u64 address;
	long minor, major;
	bool counted; /* the faults are those of the step alone */
	char skip[TEXT]; /* why this kernel cannot do it */
	int nruns;
	bool cut; /* more values than there is room for */
	struct run runs[MAX_RUNS];
};

enum slot_state { UNBORN, IDLE, TURN, ENDED, GONE, PAUSED };

struct slot {
	_Atomic uint32_t state; /* enum slot_state; a futex */
	_Atomic int pid, tid;
	_Atomic int op;
	_Atomic bool blocking; /* about to wait in user space's own way */
	_Atomic bool exiting;
	_Atomic int crashed; /* a signal where none can be */
	bool daemon;
	bool over; /* a SIGBUS has ended its program, though not its process */
	struct outcome out;
	struct message last;
	bool has_last;
	_Atomic int nmessages;
	int told; /* messages that were reported */
	struct message messages[MAX_MESSAGES]; /* a ring */
};

struct region {
	char name[NAME];
	int actor; /* whose process has it */
	u64 at, pages;
	int prot;
	int thp; /* 1 MADV_HUGEPAGE, 0 MADV_NOHUGEPAGE, -1 neither */
	int file;
	bool shared;
	char advice[8][NAME];
	int nadvice;
};

struct file {
	char name[NAME], kind[NAME];
	long pages;
	int fd;
	char skip[TEXT];
};

struct actor {
	char name[NAME], process[NAME];
	int parent; /* forked by a step; -1: a thread from the start */
};

struct uffd {
	char name[NAME];
	int pid, fd;
};

struct job {
	char name[80];
	int softdirty, nodes;
	char thp[NAME];
	long limit_ms, turn_ms;
	int nactors, nregions, nfiles, nops, nturns;
	struct actor actors[MAX_ACTORS];
	struct region regions[MAX_REGIONS];
	struct file files[MAX_FILES];
	struct op ops[MAX_OPS];
	unsigned char turns[MAX_TURNS]; /* whose each is; none: the order of the steps decides */
	/* Changes while the steps run. */
	_Atomic u64 next_content;
	_Atomic uint32_t upsets; /* steps that write-protect the agent's own memory */
	_Atomic bool holding; /* an order of turns is being followed */
	_Atomic uint32_t semaphores[MAX_SEMAPHORES];
	struct uffd uffds[MAX_UFFDS];
};

struct features {
	char release[80];
	bool uffd, softdirty, kpageflags, frames, ksm, swap;
	u64 scan_categories; /* of PAGEMAP_SCAN; none: there is no such call */
	bool empty_written, holes_written; /* it calls empty entries, and what armed mappings have no table for, written */
	bool ksm_flag; /* kpageflags tells KSM pages from others: that of 6.12 calls all anonymous ones so */
	int uffd_errno, nodes;
	u64 uffd_features;
	bool mode_pages; /* thp sysfs is there */
};

struct shared {
	struct job job;
	struct slot slots[MAX_ACTORS];
};

extern struct shared *shared;
extern struct features features;
extern __thread struct slot *me;
extern char fs_path[TEXT]; /* a folder on a file system with ->page_mkwrite(), or "" */

typedef void (*deed)(struct outcome *out, const struct op *op);
struct verb {
	const char *name;
	deed run;
};
extern const struct verb verbs[];
int verb_named(const char *name);

/* main.c */
long now_ms(void);
int read_text(const char *path, char *buffer, size_t size);
int write_text(const char *path, const char *text);

/* setup.c */
void set_up_guest(void);
void give_scanners_work(void);
void probe_features(void);
bool open_files(struct job *job);
void close_files(struct job *job);
void set_up_machine(const struct job *job);
void still_khugepaged(void);

/* parse.c */
bool parse_job(FILE *in, struct job *job, char *error);

/* Where the steps of a list have come to. */
enum { DEPTH = 8 };
struct cursor {
	int at, end;
	int depth, heads[DEPTH];
	long rounds[DEPTH];
};

/* How a thread that has the turn stands. */
struct pause {
	char state; /* of /proc; 0: the thread is gone */
	long switches;
	bool parked;
};

/* turns.c */
extern struct cursor cursors[MAX_ACTORS];
extern long job_end;
void run_job(void);
int next_step(struct cursor *cursor, bool *repeats);
struct pause pause_of(int actor);
bool is_pending(int actor);
int settle(int actor);
void wait_for_children(void);
void put_turn(int actor, const struct op *op, const char *how, const char *ran);

/* ordered.c */
bool follow_turns(char *error);
void pause_here(void);

/* actor.c */
void start_processes(void);
void actor_loop(struct slot *slot);
void futex_wait(_Atomic uint32_t *word, uint32_t seen, long ms);
void futex_wake(_Atomic uint32_t *word);
void skip(struct outcome *out, const char *format, ...);
long outcome_of(long result);
void value_read(struct outcome *out, u64 index, u64 value);
u64 content_of(const struct op *op);
pid_t owner_of(const struct op *op);

/* verbs_*.c */
void do_store(u64 address, u64 content);
u64 do_load(u64 address);
deed work_verb(const char *name);
long map_region(struct outcome *out, const struct region *region);
deed uffd_verb(const char *name);
int own_uffds(int fds[MAX_UFFDS]);

/* scan.c */
enum { SCAN_LETTERS = 9 };
void scan_pages(int fd, u64 start, u64 end, u64 categories, uint16_t *of);
void scan_text(uint16_t of, char *text);
void probe_scan(int fd);

/* look.c */
void forget_views(void);
void look(void);
void look_afresh(void);

/* out.c */
void out_open(int fd);
void out_drain(void);
void put(const char *format, ...);
void put_text(const char *text);
void put_end(void);
void put_log(void);

#endif
