/* SPDX-License-Identifier: MIT */
/* The compiled steps: one line each, words apart by one space, values as key=value. conform/README.md lists them. */
#include "agent.h"
#include <stdlib.h>
#include <string.h>

static const char *value_of(char **words, int n, const char *key)
{
	size_t length = strlen(key);
	for (int i = 0; i < n; i++)
		if (!strncmp(words[i], key, length) && words[i][length] == '=')
			return words[i] + length + 1;
	return NULL;
}

static u64 number(char **words, int n, const char *key, u64 otherwise)
{
	const char *text = value_of(words, n, key);
	return text ? strtoull(text, NULL, 0) : otherwise;
}

static void copy(char *to, const char *from, size_t size)
{
	snprintf(to, size, "%s", from ? from : "");
}

static int actor_named(const struct job *job, const char *name)
{
	for (int i = 0; name && i < job->nactors; i++)
		if (!strcmp(job->actors[i].name, name))
			return i;
	return -1;
}

static int file_named(const struct job *job, const char *name)
{
	for (int i = 0; name && i < job->nfiles; i++)
		if (!strcmp(job->files[i].name, name))
			return i;
	return -1;
}

static int region_named(const struct job *job, const char *name)
{
	for (int i = 0; name && i < job->nregions; i++)
		if (!strcmp(job->regions[i].name, name))
			return i;
	return -1;
}

static bool has_word(const char *list, const char *word)
{
	size_t length = strlen(word);
	for (const char *at = list; at && *at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL)
		if (!strncmp(at, word, length) && (at[length] == ',' || !at[length]))
			return true;
	return false;
}

static bool parse_region(struct job *job, char **words, int n)
{
	if (job->nregions == MAX_REGIONS || n < 3)
		return false;
	struct region *region = &job->regions[job->nregions++];
	copy(region->name, words[1], NAME);
	region->actor = actor_named(job, words[2]);
	region->at = number(words, n, "at", 0);
	region->pages = number(words, n, "pages", 0);
	region->prot = (int)number(words, n, "prot", 0);
	region->thp = (int)(long)number(words, n, "thp", (u64)-1);
	region->shared = number(words, n, "shared", 0);
	region->file = file_named(job, value_of(words, n, "file"));
	const char *advice = value_of(words, n, "advice");
	while (advice && *advice && region->nadvice < 8) {
		size_t length = strcspn(advice, ",");
		snprintf(region->advice[region->nadvice++], NAME, "%.*s", (int)length, advice);
		advice += length + (advice[length] == ',');
	}
	return region->actor >= 0 && region->at && region->pages;
}

static struct op *new_op(struct job *job, enum part part, const char *actor)
{
	if (job->nops == MAX_OPS)
		return NULL;
	struct op *op = &job->ops[job->nops++];
	memset(op, 0, sizeof *op);
	op->part = part;
	op->actor = actor_named(job, actor);
	return op->actor < 0 ? NULL : op;
}

static bool parse_op(struct job *job, enum part part, char **words, int n)
{
	struct op *op = n < 4 ? NULL : new_op(job, part, words[1]);
	if (!op)
		return false;
	op->id = atoi(words[2]);
	op->verb = verb_named(words[3]);
	op->at = number(words, n, "at", 0);
	op->pages = number(words, n, "pages", 0);
	op->to = number(words, n, "to", 0);
	op->value = (long)number(words, n, "value", (u64)-1);
	op->node = (int)(long)number(words, n, "node", (u64)-1);
	op->features = number(words, n, "features", 0);
	op->file_page = (long)number(words, n, "filepage", 0);
	op->semaphore = (int)number(words, n, "semaphore", 0) % MAX_SEMAPHORES;
	op->fault = number(words, n, "fault", 0);
	op->pauses = number(words, n, "pauses", 0);
	op->region = region_named(job, value_of(words, n, "region"));
	op->file = file_named(job, value_of(words, n, "file"));
	op->child = actor_named(job, value_of(words, n, "child"));
	copy(op->word, value_of(words, n, "word"), NAME);
	copy(op->name, value_of(words, n, "uffd"), NAME);
	const char *flags = value_of(words, n, "flags");
	op->missing = has_word(flags, "missing");
	op->wp = has_word(flags, "wp");
	op->dontwake = has_word(flags, "dontwake");
	return op->verb >= 0;
}

static bool parse_repeat(struct job *job, enum part part, char **words, int n)
{
	struct op *op = n < 3 ? NULL : new_op(job, part, words[1]);
	if (!op)
		return false;
	op->kind = OP_REPEAT;
	op->times = atol(words[2]);
	op->other_end = -1;
	return true;
}

static bool parse_end(struct job *job, enum part part, char **words, int n)
{
	struct op *op = n < 2 ? NULL : new_op(job, part, words[1]);
	if (!op)
		return false;
	op->kind = OP_END;
	int i = job->nops - 2;
	while (i >= 0 && !(job->ops[i].kind == OP_REPEAT && job->ops[i].other_end < 0))
		i--;
	if (i < 0)
		return false;
	job->ops[i].other_end = job->nops - 1;
	op->other_end = i;
	return true;
}

static bool parse_head(struct job *job, char **words, int n)
{
	if (!strcmp(words[0], "machine")) {
		job->softdirty = (int)number(words, n, "softdirty", 1);
		job->nodes = (int)number(words, n, "nodes", 1);
		job->limit_ms = (long)number(words, n, "limit", 60000);
		job->turn_ms = (long)number(words, n, "turn", 10000);
		job->next_content = number(words, n, "content", 1);
		copy(job->thp, value_of(words, n, "thp"), NAME);
		return true;
	}
	if (!strcmp(words[0], "file") && n >= 4 && job->nfiles < MAX_FILES) {
		struct file *file = &job->files[job->nfiles++];
		copy(file->name, words[1], NAME);
		copy(file->kind, words[2], NAME);
		file->pages = atol(words[3]);
		file->fd = -1;
		return true;
	}
	if (!strcmp(words[0], "actor") && n >= 3 && job->nactors < MAX_ACTORS) {
		struct actor *actor = &job->actors[job->nactors++];
		copy(actor->name, words[1], NAME);
		copy(actor->process, words[2], NAME);
		const char *parent = value_of(words, n, "parent");
		actor->parent = parent ? actor_named(job, parent) : -1;
		shared->slots[job->nactors - 1].daemon = number(words, n, "daemon", 0);
		return !parent || actor->parent >= 0;
	}
	if (!strcmp(words[0], "turn") && n == 2 && job->nturns < MAX_TURNS) {
		int actor = actor_named(job, words[1]);
		job->turns[job->nturns++] = (unsigned char)actor;
		return actor >= 0;
	}
	if (!strcmp(words[0], "region"))
		return parse_region(job, words, n);
	return false;
}

static bool parse_line(struct job *job, enum part *part, char **words, int n)
{
	static const char *const parts[PARTS] = { "start", "tasks", "finally" };
	for (int i = 0; i < PARTS; i++) {
		if (!strcmp(words[0], parts[i])) {
			*part = (enum part)i;
			return true;
		}
	}
	if (!strcmp(words[0], "op"))
		return parse_op(job, *part, words, n);
	if (!strcmp(words[0], "repeat"))
		return parse_repeat(job, *part, words, n);
	if (!strcmp(words[0], "end"))
		return parse_end(job, *part, words, n);
	return parse_head(job, words, n);
}

/* Reads one job, from "job NAME" to "go". False at the end of the input, or with `error` set. */
bool parse_job(FILE *in, struct job *job, char *error)
{
	static char text[4096], kept[4096];
	char *words[32];
	enum part part = PART_START;
	bool begun = false;
	*error = 0;
	while (fgets(text, sizeof text, in)) {
		int n = 0;
		strcpy(kept, text);
		for (char *word = strtok(text, " \n"); word && n < 32; word = strtok(NULL, " \n"))
			words[n++] = word;
		if (!n)
			continue;
		if (!strcmp(words[0], "job")) {
			memset(shared, 0, sizeof *shared);
			copy(job->name, n > 1 ? words[1] : "", sizeof job->name);
			begun = true;
		} else if (begun && !strcmp(words[0], "go")) {
			return true;
		} else if (begun && !*error && !parse_line(job, &part, words, n)) {
			kept[strcspn(kept, "\n")] = 0;
			snprintf(error, TEXT, "not understood: %.120s", kept);
		}
		if (*error && !strcmp(words[0], "go"))
			return true;
	}
	return false;
}
