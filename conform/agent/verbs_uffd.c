/* SPDX-License-Identifier: MIT */
/* Steps on a userfaultfd. Names belong to the fixture as a whole; the descriptor, to the process that opened it. */
#include "agent.h"
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd 438
#endif

/* A descriptor for the time of one step. */
struct held {
	int fd;
	bool borrowed;
};

static const char *name_of(const struct op *op)
{
	return *op->name ? op->name : "uffd";
}

static struct uffd *uffd_named(const char *name, bool make)
{
	struct job *job = &shared->job;
	struct uffd *unused = NULL;
	for (int i = 0; i < MAX_UFFDS; i++) {
		struct uffd *uffd = &job->uffds[i];
		if (uffd->pid && !strcmp(uffd->name, name))
			return uffd;
		if (!uffd->pid && !unused)
			unused = uffd;
	}
	if (!make || !unused)
		return NULL;
	snprintf(unused->name, NAME, "%s", name);
	return unused;
}

static bool hold(struct outcome *out, const struct op *op, struct held *held)
{
	struct uffd *uffd = uffd_named(name_of(op), false);
	if (!uffd) {
		out->result = -EBADF;
		return false;
	}
	*held = (struct held){ uffd->fd, false };
	if (uffd->pid == getpid())
		return true;
	int pidfd = (int)syscall(SYS_pidfd_open, uffd->pid, 0);
	held->fd = pidfd < 0 ? -1 : (int)syscall(SYS_pidfd_getfd, pidfd, uffd->fd, 0);
	held->borrowed = true;
	if (held->fd < 0)
		skip(out, "the userfaultfd is another process's, and pidfd_getfd: %s", strerror(errno));
	if (pidfd >= 0)
		close(pidfd);
	return held->fd >= 0;
}

static void let_go(const struct held *held)
{
	if (held->borrowed)
		close(held->fd);
}

/* Those that a child will have copies of. Others may close them while a fork waits for whoever reads its message. */
int own_uffds(int fds[MAX_UFFDS])
{
	int count = 0;
	for (int i = 0; i < MAX_UFFDS; i++)
		if (shared->job.uffds[i].pid == getpid())
			fds[count++] = shared->job.uffds[i].fd;
	return count;
}

static void open_uffd(struct outcome *out, const char *name, u64 wanted)
{
	int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	struct uffdio_api api = { .api = UFFD_API, .features = wanted };
	if (fd < 0) {
		out->result = -errno;
		return;
	}
	out->result = outcome_of(ioctl(fd, UFFDIO_API, &api));
	if (out->result == -EINVAL && (wanted & ~features.uffd_features)) {
		skip(out, "userfaultfd has no features %#llx here",
		     (unsigned long long)(wanted & ~features.uffd_features));
		close(fd);
		return;
	}
	struct uffd *uffd = uffd_named(name, true);
	uffd->fd = fd;
	uffd->pid = getpid();
}

static void verb_open(struct outcome *out, const struct op *op)
{
	open_uffd(out, name_of(op), op->features);
}

static void verb_register(struct outcome *out, const struct op *op)
{
	struct held held;
	bool wp = op->wp || !op->missing;
	struct uffdio_register arguments = {
		.range = { op->at, op->pages * PAGE },
		.mode = (op->missing ? UFFDIO_REGISTER_MODE_MISSING : 0) | (wp ? UFFDIO_REGISTER_MODE_WP : 0),
	};
	if (wp && !(features.uffd_features & UFFD_FEATURE_PAGEFAULT_FLAG_WP)) {
		skip(out, "userfaultfd has no write protection here");
		return;
	}
	if (!*op->name && !uffd_named("uffd", false))
		open_uffd(out, "uffd", 0);
	if (out->result || *out->skip || !hold(out, op, &held))
		return;
	out->result = outcome_of(ioctl(held.fd, UFFDIO_REGISTER, &arguments));
	let_go(&held);
}

static void range_call(struct outcome *out, const struct op *op, unsigned long request)
{
	struct held held;
	struct uffdio_range range = { op->at, op->pages * PAGE };
	if (!hold(out, op, &held))
		return;
	out->result = outcome_of(ioctl(held.fd, request, &range));
	let_go(&held);
}

static void verb_unregister(struct outcome *out, const struct op *op)
{
	range_call(out, op, UFFDIO_UNREGISTER);
}

/* The range of a step: what it names, or the page of the message that the actor read last. */
static bool range_of(struct outcome *out, const struct op *op, struct uffdio_range *range)
{
	*range = (struct uffdio_range){ op->at, op->pages * PAGE };
	if (!op->fault)
		return true;
	if (!me->has_last)
		out->result = -EAGAIN;
	range->start = me->last.address & ~(u64)(PAGE - 1);
	range->len = PAGE;
	return me->has_last;
}

static long protect(int fd, struct uffdio_range range, u64 mode)
{
	struct uffdio_writeprotect arguments = { .range = range, .mode = mode };
	return outcome_of(ioctl(fd, UFFDIO_WRITEPROTECT, &arguments));
}

static void change_protection(struct outcome *out, const struct op *op, bool wp)
{
	struct held held;
	struct uffdio_range range;
	if (!range_of(out, op, &range) || !hold(out, op, &held))
		return;
	u64 mode = (wp ? UFFDIO_WRITEPROTECT_MODE_WP : 0) | (op->dontwake ? UFFDIO_WRITEPROTECT_MODE_DONTWAKE : 0);
	out->result = protect(held.fd, range, mode);
	let_go(&held);
}

static void verb_protect(struct outcome *out, const struct op *op)
{
	change_protection(out, op, true);
}

static void verb_unprotect(struct outcome *out, const struct op *op)
{
	change_protection(out, op, false);
}

static long copy_page(int fd, u64 at, u64 content, u64 mode)
{
	u64 page[PAGE / sizeof(u64)] = { content };
	struct uffdio_copy arguments = { .dst = at, .src = (u64)page, .len = PAGE, .mode = mode };
	return outcome_of(ioctl(fd, UFFDIO_COPY, &arguments));
}

static void verb_copy(struct outcome *out, const struct op *op)
{
	struct held held;
	struct uffdio_range range;
	if (!range_of(out, op, &range) || !hold(out, op, &held))
		return;
	u64 mode = (op->wp ? UFFDIO_COPY_MODE_WP : 0) | (op->dontwake ? UFFDIO_COPY_MODE_DONTWAKE : 0);
	out->result = copy_page(held.fd, range.start, op->value > 0 ? 1000000 + (u64)op->value : 0, mode);
	let_go(&held);
}

static long zero_pages(int fd, struct uffdio_range range, u64 mode)
{
	struct uffdio_zeropage arguments = { .range = range, .mode = mode };
	return outcome_of(ioctl(fd, UFFDIO_ZEROPAGE, &arguments));
}

static void verb_zeropage(struct outcome *out, const struct op *op)
{
	struct held held;
	struct uffdio_range range;
	if (!range_of(out, op, &range) || !hold(out, op, &held))
		return;
	out->result = zero_pages(held.fd, range, op->dontwake ? UFFDIO_ZEROPAGE_MODE_DONTWAKE : 0);
	let_go(&held);
}

static void verb_wake(struct outcome *out, const struct op *op)
{
	struct held held;
	struct uffdio_range range;
	if (!range_of(out, op, &range) || !hold(out, op, &held))
		return;
	out->result = outcome_of(ioctl(held.fd, UFFDIO_WAKE, &range));
	let_go(&held);
}

static void verb_close(struct outcome *out, const struct op *op)
{
	struct uffd *uffd = uffd_named(name_of(op), false);
	if (!uffd) {
		out->result = -EBADF;
	} else if (uffd->pid != getpid()) {
		skip(out, "the userfaultfd is another process's, which alone can close it");
	} else {
		out->result = outcome_of(close(uffd->fd));
		uffd->pid = 0;
	}
}

static void remember(const struct uffd_msg *msg)
{
	struct message message = { .event = msg->event, .answer = UNANSWERED };
	if (msg->event == UFFD_EVENT_PAGEFAULT) {
		message.address = msg->arg.pagefault.address;
		message.flags = msg->arg.pagefault.flags;
	} else if (msg->event == UFFD_EVENT_REMAP) {
		message.address = msg->arg.remap.from;
		message.to = msg->arg.remap.to;
		message.len = msg->arg.remap.len;
	} else if (msg->event == UFFD_EVENT_FORK) {
		struct uffd *forked = uffd_named("forked", true);
		if (forked->pid == getpid())
			close(forked->fd);
		forked->fd = (int)msg->arg.fork.ufd;
		forked->pid = getpid();
	} else {
		message.address = msg->arg.remove.start;
		message.to = msg->arg.remove.end;
	}
	me->last = message;
	me->has_last = true;
	me->messages[me->nmessages % MAX_MESSAGES] = message;
	atomic_fetch_add(&me->nmessages, 1);
}

/* Reads one message; negative: there is none, or an error. */
static long receive(int fd, bool wait)
{
	struct uffd_msg msg;
	for (;;) {
		ssize_t length = read(fd, &msg, sizeof msg);
		if (length == sizeof msg) {
			remember(&msg);
			return 0;
		}
		if (length >= 0 || errno != EAGAIN || !wait)
			return length < 0 ? -errno : -EIO;
		struct pollfd one = { .fd = fd, .events = POLLIN };
		me->blocking = true;
		poll(&one, 1, -1);
		me->blocking = false;
	}
}

static void verb_wait(struct outcome *out, const struct op *op)
{
	struct held held;
	if (!hold(out, op, &held))
		return;
	out->result = receive(held.fd, true);
	let_go(&held);
}

static void verb_poll(struct outcome *out, const struct op *op)
{
	struct held held;
	if (!hold(out, op, &held))
		return;
	out->result = receive(held.fd, false);
	let_go(&held);
}

static long answer(int fd, const struct op *op, const struct message *message)
{
	struct uffdio_range range = { message->address & ~(u64)(PAGE - 1), PAGE };
	if (message->event != UFFD_EVENT_PAGEFAULT)
		return 0;
	if (!(message->flags & UFFD_PAGEFAULT_FLAG_WP))
		return strcmp(op->word, "zeropage") ? copy_page(fd, range.start, 0, 0) : zero_pages(fd, range, 0);
	if (!strcmp(op->word, "snapshot"))
		do_load(range.start);
	if (op->pages)
		range = (struct uffdio_range){ op->at, op->pages * PAGE };
	return protect(fd, range, 0);
}

/* While the memory map changes answers are refused, and the message of the change has to be read first. */
static void answer_last(int fd, const struct op *op)
{
	struct message *message = &me->messages[(me->nmessages - 1) % MAX_MESSAGES];
	pause_here();
	while ((message->answer = answer(fd, op, message)) == -EAGAIN) {
		if (receive(fd, false) == 0)
			answer_last(fd, op);
		else
			usleep(1000);
	}
}

static void verb_serve(struct outcome *out, const struct op *op)
{
	struct held held;
	if (!hold(out, op, &held))
		return;
	while ((out->result = receive(held.fd, true)) == 0)
		answer_last(held.fd, op);
	let_go(&held);
}

deed uffd_verb(const char *name)
{
	static const struct verb known[] = {
		{ "uffd_open", verb_open }, { "uffd_register", verb_register },
		{ "uffd_unregister", verb_unregister }, { "uffd_protect", verb_protect },
		{ "uffd_unprotect", verb_unprotect }, { "uffd_copy", verb_copy },
		{ "uffd_zeropage", verb_zeropage }, { "uffd_wake", verb_wake },
		{ "uffd_close", verb_close }, { "uffd_wait", verb_wait },
		{ "uffd_poll", verb_poll }, { "uffd_serve", verb_serve },
	};
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (!strcmp(known[i].name, name))
			return known[i].run;
	return NULL;
}
