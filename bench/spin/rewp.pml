/*
 * The fixtures *-rewp.yaml beside this file as a Promela model: threads that write one protected page, a monitor that
 * un-protects what they ask for, and threads that protect the page again. Without MARKS it is the kernel of
 * September 2018 (variant uffd-wp-2018): every write to a read-only entry is an event, a fault is tried again once.
 * With MARKS it is Linux 5.7 (variant uffd-wp-bit): entries are marked, a fault is tried again as often as need be.
 *
 * Step by step what `faultline explain FIXTURE VARIANT --full` prints: one statement here is one access to shared
 * state there, under the same locks, in the same order. As there, a release belongs to the step before it, because
 * all who want the lock wait for it. LEAN leaves out the steps of which nobody else can take notice in this
 * scenario, as somebody would who writes a model for it alone: looks at what never changes, mmap_sem (all take it for
 * reading), flushes of CPUs that never touch the page.
 *
 *   -DWRITERS=N -DPROTECTORS=N   how many of each, 1 or 2
 *   -DOUTCOMES                   prints how each run ends: of each writer "stored" or "SIGBUS", then who stored last,
 *                                then whether the entry is writable
 */
#ifndef WRITERS
#define WRITERS 2
#endif
#ifndef PROTECTORS
#define PROTECTORS 1
#endif
/* CPUs 0 to WRITERS - 1 run the writers, the others never touch the page. */
#define CPUS (WRITERS + PROTECTORS + 1)

/* The bits of an entry that anybody asks for. */
#define P   1
#define RW  2
#define A   4
#define D   8
#define WP 16 /* _PAGE_UFFD_WP */

#ifdef MARKS
byte pte = P | A | D | WP;
#else
byte pte = P | A | D;
#endif
bit pmd_is_table = 1;
byte tlb[CPUS]; /* the copy of the entry that a CPU keeps; 0 is none */

byte mmap_sem;  /* readers; nobody takes it for writing */
bit ptl;
byte tlb_flush_pending;
bit tlb_flush_batched;

/* struct page, and who stored last. */
bit page_lock;
byte mapcount = 1;
bit swapcache;
bit anon_vma;
byte content;

/* The userfaultfd: of each writer, where its message is. Both queues are for one page, so their order says nothing. */
mtype = { nowhere, pending, read, woken };
mtype wait[WRITERS] = nowhere;
bit released, mmap_changing;

#ifdef OUTCOMES
byte outcome[WRITERS]; /* 1: has stored, 2: SIGBUS */
#define ends(how) outcome[me] = how
#else
#define ends(how) skip
#endif

#ifdef LEAN
#define unchanging(what) true
#define down_read() skip
#define up_read() skip
#else
#define unchanging(what) (what)
#define down_read() mmap_sem++
#define up_read() mmap_sem--
#endif
#define spin_lock(lock) atomic { !lock -> lock = 1 }

/* do_wp_page(): which read-only entries are an event. __do_page_fault(): what a retry leaves of ALLOW_RETRY. */
#ifdef MARKS
#define is_event(entry) ((entry) & WP)
#define after_retry(allow_retry) allow_retry
#else
#define is_event(entry) true
#define after_retry(allow_retry) 0
#endif

#define writable(entry) (((entry) & (P | RW)) == (P | RW))

/* `write guest[0]`: user_store() and the fault behind it. */
proctype writer(byte me) {
  byte orig_pte;
  bit allow_retry, must_wait;

user_store: /* the instruction: the CPU looks into its TLB, walks the tables, sets A and D, or raises a fault */
  atomic {
    if
    :: writable(tlb[me]) && (tlb[me] & D) ->
       /* stale-store: through what memory has withdrawn only while a flush is still to come */
       assert(writable(pte) || tlb_flush_pending);
       content = me; ends(1); goto ended
    :: else
    fi;
    if
    :: writable(pte) -> pte = pte | A | D; tlb[me] = pte; content = me; ends(1); goto ended
    :: else
    fi;
    allow_retry = 1
  }

__do_page_fault:
  down_read();
  unchanging(pmd_is_table); /* __handle_mm_fault() */
  unchanging(pmd_is_table); /* handle_pte_fault() */
  orig_pte = pte;
  if
  :: orig_pte == 0 -> /* do_anonymous_page(): the entry is being changed, which the lock shows */
     unchanging(pmd_is_table); /* pte_alloc() */
     unchanging(pmd_is_table); /* pmd_trans_unstable() */
     spin_lock(ptl);
     atomic { assert(pte != 0); ptl = 0 };
     up_read(); /* put_page() of the page that it had brought */
     goto user_store
  :: else
  fi;
  spin_lock(ptl);
  atomic {
    if
    :: pte != orig_pte -> ptl = 0; up_read(); goto user_store
    :: else
    fi;
    if
    :: writable(orig_pte) -> goto ptep_set_access_flags
    :: else
    fi;
    if
    :: is_event(orig_pte) -> ptl = 0
    :: else -> goto do_wp_page
    fi
  }

handle_userfault:
  atomic {
    unchanging(!released);
    if
    :: !allow_retry -> /* FAULT_FLAG_ALLOW_RETRY missing 71 */
       up_read();
       ends(2);
       assert(false); /* no-sigbus */
       goto ended
    :: else
    fi
  }
  wait[me] = pending;
  unchanging(pmd_is_table); /* userfaultfd_must_wait() */
  atomic { must_wait = !(pte & RW); up_read() };
  if
  :: must_wait ->
     unchanging(!released);
     atomic { wait[me] == woken -> wait[me] = nowhere }
  :: else ->
     wait[me] = nowhere
  fi;
  allow_retry = after_retry(allow_retry);
  goto __do_page_fault;

do_wp_page: /* the page is nobody else's: reuse_swap_page(), page_move_anon_rmap(), wp_page_reuse() */
  atomic { assert(!page_lock); page_lock = 1 };
  unchanging(mapcount == 1);
  unchanging(!swapcache);
  unchanging(!swapcache);
  anon_vma = 1;
  page_lock = 0;
  orig_pte = orig_pte | RW;
ptep_set_access_flags:
  atomic { pte = orig_pte | A | D; ptl = 0; up_read() };
  goto user_store;

ended:
  skip
}

inline wake_userfault() {
  d_step {
    for (i : 0 .. WRITERS - 1) {
      if
      :: wait[i] == pending || wait[i] == read -> wait[i] = woken
      :: else
      fi
    }
    i = 0
  }
}

/* change_pte_range(): what becomes of the entry. Without MARKS dirty_accountable turns D into RW. */
#ifdef MARKS
#define changed(old, protect) (protect -> (old & ~RW) | WP : old & ~(RW | WP))
#else
#define changed(old, protect) (!protect && (old & D) -> old | RW : old & ~RW)
#endif

/* One step per CPU. */
/* CPUs that hold nothing answer together with the next one that does; those of protectors and the monitor never do. */
#ifdef LEAN
#define others_answer
#else
#define others_answer ; unchanging(true)
#endif
#define answers(cpu) atomic { tlb[cpu] -> tlb[cpu] = 0 }

inline flush_tlb_range() {
#if WRITERS > 1
  if
  :: answers(0);
     if
     :: answers(1) others_answer
     :: !tlb[1]
     fi
  :: atomic { !tlb[0] && tlb[1] -> tlb[1] = 0 } others_answer
  :: !tlb[0] && !tlb[1]
  fi
#else
  if
  :: answers(0) others_answer
  :: !tlb[0]
  fi
#endif
}

/* UFFDIO_WRITEPROTECT: userfaultfd_writeprotect(), mwriteprotect_range(), change_protection() and what they call. */
inline writeprotect(protect) {
#ifdef MARKS
  unchanging(!mmap_changing);
#endif
  down_read();
#ifdef MARKS
  unchanging(!mmap_changing);
#endif
  tlb_flush_pending++;
  unchanging(pmd_is_table); /* change_pmd_range() */
  unchanging(pmd_is_table); /* change_pte_range() */
  spin_lock(ptl);
  unchanging(!tlb_flush_batched);
  old = pte;
  d_step { old = pte; pte = 0 }; /* ptep_modify_prot_start() */
  atomic { pte = changed(old, protect); old = 0; ptl = 0 };
  flush_tlb_range();
  atomic { tlb_flush_pending--; up_read() };
#ifdef MARKS
  if
  :: protect
  :: else -> wake_userfault()
  fi
#else
  wake_userfault()
#endif
}

/* `uffd_protect guest` */
proctype protector() {
  byte old, i;
  writeprotect(1)
}

/* userfaultfd_read() */
inline take_message() {
  if
  :: wait[0] == pending -> wait[0] = read
#if WRITERS > 1
  :: wait[1] == pending -> wait[1] = read
#endif
  fi
}

/* `uffd_serve`: may wait for ever. */
proctype monitor() {
  byte old, i;
end:
  do
  :: atomic { take_message() };
     writeprotect(0)
  od
}

init {
  byte i;
  atomic {
    for (i : 0 .. WRITERS - 1) { run writer(i) }
    for (i : 1 .. PROTECTORS) { run protector() }
    run monitor();
    i = 0
  }
#ifdef OUTCOMES
  timeout -> /* nobody can go on */
  c_code {
    int w;
    for (w = 0; w < WRITERS; w++) printf("%s ", now.outcome[w] == 1 ? "stored" : "SIGBUS");
    printf("%d %s\n", now.content, now.pte & RW ? "writable" : "read-only");
  }
#endif
}
