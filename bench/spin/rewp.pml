/*
 * The fixtures *-rewp.yaml beside this file as a Promela model: threads that write a protected page, a monitor that
 * un-protects what they ask for, and threads that protect the page again. With several slots each is a page in a page
 * table of its own, with writers, a userfaultfd and a monitor of its own. Without MARKS it is the kernel of
 * September 2018 (variant uffd-wp-2018): every write to a read-only entry is an event, a fault is tried again once.
 * With MARKS it is Linux 5.7 (variant uffd-wp-bit): entries are marked, a fault is tried again as often as need be.
 *
 * Step by step what `faultline explain FIXTURE VARIANT --full` prints: one statement here is one access to shared
 * state there, under the same locks, in the same order. As there, a release belongs to the step before it, because
 * all who want the lock wait for it. LEAN leaves out the steps of which nobody else can take notice in this
 * scenario, as somebody would who writes a model for it alone: looks at what never changes, mmap_sem (all take it for
 * reading), flushes of CPUs that never touch the page.
 *
 *   -DSLOTS=N       how many slots
 *   -DWRITERS=N     how many write the page of each slot, 1 or 2
 *   -DPROTECTORS=N  how many protect again, the first one slot 0, the second one slot 1 if there is one
 *   -DOUTCOMES      prints how each run ends, slot by slot: of each writer "stored" or "SIGBUS", then who stored last,
 *                   then whether the entry is writable
 */
/* CPUs 0 to ALL_WRITERS - 1 run the writers, slot after slot; the others never touch a page. */
#define ALL_WRITERS (SLOTS * WRITERS)
#define first (slot * WRITERS)

/* The bits of an entry that anybody asks for. */
#define P   1
#define RW  2
#define A   4
#define D   8
#define WP 16 /* _PAGE_UFFD_WP */

#ifdef MARKS
byte pte[SLOTS] = P | A | D | WP;
#else
byte pte[SLOTS] = P | A | D;
#endif
bit pmd_is_table[SLOTS] = 1;
byte tlb[ALL_WRITERS]; /* the copy of the entry that a CPU keeps; 0 is none */

/* Of the process. */
byte mmap_sem;  /* readers; nobody takes it for writing */
byte tlb_flush_pending;
bit tlb_flush_batched;
/* Of a page table. */
bit ptl[SLOTS];

/* struct page, and who stored last. */
bit page_lock[SLOTS];
byte mapcount[SLOTS] = 1;
bit swapcache[SLOTS];
bit anon_vma[SLOTS];
byte content[SLOTS];

/* The userfaultfds: of each writer, where its message is. Queues are for one page, so their order says nothing. */
mtype = { nowhere, pending, read, woken };
mtype wait[ALL_WRITERS] = nowhere;
bit released[SLOTS], mmap_changing[SLOTS];

#ifdef OUTCOMES
byte outcome[ALL_WRITERS]; /* 1: has stored, 2: SIGBUS */
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
proctype writer(byte me, slot) {
  byte orig_pte;
  bit allow_retry, must_wait;

user_store: /* the instruction: the CPU looks into its TLB, walks the tables, sets A and D, or raises a fault */
  atomic {
    if
    :: writable(tlb[me]) && (tlb[me] & D) ->
       /* stale-store: through what memory has withdrawn only while a flush is still to come */
       assert(writable(pte[slot]) || tlb_flush_pending);
       content[slot] = me; ends(1); goto ended
    :: else
    fi;
    if
    :: writable(pte[slot]) -> pte[slot] = pte[slot] | A | D; tlb[me] = pte[slot]; content[slot] = me; ends(1); goto ended
    :: else
    fi;
    allow_retry = 1
  }

__do_page_fault:
  down_read();
  unchanging(pmd_is_table[slot]); /* __handle_mm_fault() */
  unchanging(pmd_is_table[slot]); /* handle_pte_fault() */
  orig_pte = pte[slot];
  if
  :: orig_pte == 0 -> /* do_anonymous_page(): the entry is being changed, which the lock shows */
     unchanging(pmd_is_table[slot]); /* pte_alloc() */
     unchanging(pmd_is_table[slot]); /* pmd_trans_unstable() */
     spin_lock(ptl[slot]);
     atomic { assert(pte[slot] != 0); ptl[slot] = 0 };
     up_read(); /* put_page() of the page that it had brought */
     goto user_store
  :: else
  fi;
  spin_lock(ptl[slot]);
  atomic {
    if
    :: pte[slot] != orig_pte -> ptl[slot] = 0; up_read(); goto user_store
    :: else
    fi;
    if
    :: writable(orig_pte) -> goto ptep_set_access_flags
    :: else
    fi;
    if
    :: is_event(orig_pte) -> ptl[slot] = 0
    :: else -> goto do_wp_page
    fi
  }

handle_userfault:
  atomic {
    unchanging(!released[slot]);
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
  unchanging(pmd_is_table[slot]); /* userfaultfd_must_wait() */
  atomic { must_wait = !(pte[slot] & RW); up_read() };
  if
  :: must_wait ->
     unchanging(!released[slot]);
     atomic { wait[me] == woken -> wait[me] = nowhere }
  :: else ->
     wait[me] = nowhere
  fi;
  allow_retry = after_retry(allow_retry);
  goto __do_page_fault;

do_wp_page: /* the page is nobody else's: reuse_swap_page(), page_move_anon_rmap(), wp_page_reuse() */
  atomic { assert(!page_lock[slot]); page_lock[slot] = 1 };
  unchanging(mapcount[slot] == 1);
  unchanging(!swapcache[slot]);
  unchanging(!swapcache[slot]);
  anon_vma[slot] = 1;
  page_lock[slot] = 0;
  orig_pte = orig_pte | RW;
ptep_set_access_flags:
  atomic { pte[slot] = orig_pte | A | D; ptl[slot] = 0; up_read() };
  goto user_store;

ended:
  skip
}

inline wake_userfault() {
  d_step {
    for (i : first .. first + WRITERS - 1) {
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

/* One step per CPU. CPUs that hold nothing of the slot answer together with the next one that does. */
#ifdef LEAN
#define others_answer
#else
#define others_answer ; unchanging(true)
#endif
#define answers(cpu) atomic { tlb[cpu] -> tlb[cpu] = 0 }

inline flush_tlb_range() {
#if WRITERS > 1
  if
  :: answers(first);
     if
     :: answers(first + 1) others_answer
     :: !tlb[first + 1]
     fi
  :: atomic { !tlb[first] && tlb[first + 1] -> tlb[first + 1] = 0 } others_answer
  :: !tlb[first] && !tlb[first + 1]
  fi
#else
  if
  :: answers(first) others_answer
  :: !tlb[first]
  fi
#endif
}

/* UFFDIO_WRITEPROTECT: userfaultfd_writeprotect(), mwriteprotect_range(), change_protection() and what they call. */
inline writeprotect(protect) {
#ifdef MARKS
  unchanging(!mmap_changing[slot]);
#endif
  down_read();
#ifdef MARKS
  unchanging(!mmap_changing[slot]);
#endif
  tlb_flush_pending++;
  unchanging(pmd_is_table[slot]); /* change_pmd_range() */
  unchanging(pmd_is_table[slot]); /* change_pte_range() */
  spin_lock(ptl[slot]);
  unchanging(!tlb_flush_batched);
  old = pte[slot];
  d_step { old = pte[slot]; pte[slot] = 0 }; /* ptep_modify_prot_start() */
  atomic { pte[slot] = changed(old, protect); old = 0; ptl[slot] = 0 };
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
proctype protector(byte slot) {
  byte old, i;
  writeprotect(1)
}

/* userfaultfd_read() */
inline take_message() {
  if
  :: wait[first] == pending -> wait[first] = read
#if WRITERS > 1
  :: wait[first + 1] == pending -> wait[first + 1] = read
#endif
  fi
}

/* `uffd_serve`: may wait for ever. */
proctype monitor(byte slot) {
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
    for (i : 0 .. ALL_WRITERS - 1) { run writer(i, i / WRITERS) }
    for (i : 0 .. PROTECTORS - 1) { run protector(i % SLOTS) }
    for (i : 0 .. SLOTS - 1) { content[i] = i * WRITERS; run monitor(i) }
    i = 0
  }
#ifdef OUTCOMES
  timeout -> /* nobody can go on */
  c_code {
    int s, w;
    for (s = 0; s < SLOTS; s++) {
      for (w = s * WRITERS; w < (s + 1) * WRITERS; w++) printf("%s ", now.outcome[w] == 1 ? "stored" : "SIGBUS");
      printf("%d %s%s", now.content[s], now.pte[s] & RW ? "writable" : "read-only", s < SLOTS - 1 ? ", " : "\n");
    }
  }
#endif
}
