/* SPDX-License-Identifier: MIT */
/* Lines of the report: `@SSSS {json}`, where SSSS is the sum of the bytes of the JSON. */
#include "agent.h"
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

static int out_fd = 1;
static char *line;
static size_t used, room;

void out_open(int fd)
{
	out_fd = fd;
}

/* Waits until all has left for the other side. */
void out_drain(void)
{
	tcdrain(out_fd);
}

static void need(size_t more)
{
	while (used + more + 1 > room) {
		room = room ? room * 2 : 1 << 16;
		line = realloc(line, room);
		if (!line)
			_exit(98);
	}
}

void put(const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	need(512);
	int length = vsnprintf(line + used, 512, format, arguments);
	va_end(arguments);
	used += length < 512 ? (size_t)length : 511;
}

/* A JSON string. */
void put_text(const char *text)
{
	need(strlen(text) * 6 + 2);
	line[used++] = '"';
	for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
		if (*c == '"' || *c == '\\') {
			line[used++] = '\\';
			line[used++] = (char)*c;
		} else if (*c < 0x20 || *c > 0x7e) {
			used += (size_t)sprintf(line + used, "\\u%04x", *c);
		} else {
			line[used++] = (char)*c;
		}
	}
	line[used++] = '"';
}

static void write_all(const char *from, size_t length)
{
	while (length) {
		ssize_t done = write(out_fd, from, length);
		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			_exit(97); /* nobody listens */
		from += done;
		length -= (size_t)done;
	}
}

void put_end(void)
{
	unsigned sum = 0;
	char head[16];
	for (size_t i = 0; i < used; i++)
		sum = (sum + (unsigned char)line[i]) & 0xffff;
	need(1);
	line[used++] = '\n';
	write_all(head, (size_t)snprintf(head, sizeof head, "@%04x ", sum));
	write_all(line, used);
	used = 0;
}

/* What the kernel has logged since the last call, from warnings up, as a member "log" of the object. */
void put_log(void)
{
	static int kmsg = -2;
	char record[4096];
	int count = 0;
	if (kmsg == -2) {
		kmsg = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
		if (kmsg >= 0)
			lseek(kmsg, 0, SEEK_END);
	}
	while (kmsg >= 0) {
		ssize_t length = read(kmsg, record, sizeof record - 1);
		if (length < 0 && errno == EPIPE)
			continue; /* some were overwritten */
		if (length <= 0)
			break;
		record[length] = 0;
		char *text = strchr(record, ';');
		if (!text || (atoi(record) & 7) > 4)
			continue;
		text[strcspn(text, "\n")] = 0;
		put(count++ ? "," : ",\"log\":[");
		put_text(text + 1);
	}
	if (count)
		put("]");
}
