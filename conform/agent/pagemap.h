/* SPDX-License-Identifier: MIT */
/* Bits of /proc/PID/pagemap and /proc/kpageflags, and the scan of newer kernels, which older headers lack. */
#ifndef PAGEMAP_H
#define PAGEMAP_H

#include <linux/fs.h>
#include <sys/ioctl.h>

#define PM_PRESENT (1ULL << 63)
#define PM_SWAP (1ULL << 62)
#define PM_FILE (1ULL << 61)
#define PM_UFFD_WP (1ULL << 57)
#define PM_EXCLUSIVE (1ULL << 56)
#define PM_SOFT_DIRTY (1ULL << 55)
#define FRAME_MASK ((1ULL << 55) - 1)

#define KPF_KSM (1ULL << 21)
#define KPF_THP (1ULL << 22)
#define KPF_ZERO_PAGE (1ULL << 24)

#define SCAN_WRITTEN (1 << 1)
#define SCAN_PRESENT (1 << 3)
#define SCAN_HUGE (1 << 6)

struct pm_scan_region {
	__u64 start, end, categories;
};

#ifdef PAGEMAP_SCAN
#define PAGEMAP_SCAN_REQUEST PAGEMAP_SCAN
#else
struct pm_scan_arg {
	__u64 size, flags, start, end, walk_end, vec, vec_len, max_pages;
	__u64 category_inverted, category_mask, category_anyof_mask, return_mask;
};
#define PAGEMAP_SCAN_REQUEST _IOWR('f', 16, struct pm_scan_arg)
#endif

#endif
