/*
 * two-writers-rewp.yaml as a Promela model: two writers, a monitor that un-protects what they ask for and a second
 * thread that protects the page once more. Without MARKS it is the kernel of September 2018: every write to a
 * read-only page is an event, and a fault is tried again once. With MARKS it is Linux 5.7: an entry is marked, and a
 * fault is tried again as often as need be.
 *
 * Coarser than faultline: no page locks, counts or rmap, one flush clears all TLBs in a step per CPU, mmap_sem is
 * left out because all hold it for reading, and a CPU caches an entry only when it uses it.
 */
#define WRITERS 2
#define NOBODY 255

bit present = 1, rw = 0, mark = 1, dirty = 1; /* the entry */
byte ptl = NOBODY;
bit tlb[WRITERS];                             /* a writable copy of the entry */
bit pending[WRITERS], read[WRITERS];          /* the two queues of the userfaultfd */
bit waken[WRITERS];
byte ended = 0;

inline lock(who) { atomic { ptl == NOBODY -> ptl = who } }
inline unlock() { ptl = NOBODY }

#ifdef MARKS
#define MUST_WAIT (!present || mark)
#define ARMED mark
#else
#define MUST_WAIT (!present || !rw)
#define ARMED 1
#endif

/* userfaultfd_writeprotect() with change_pte_range(): clears the entry, then sets it anew; then flushes, then wakes. */
inline writeprotect(who, protect) {
  lock(who);
  old_dirty = dirty;
  present = 0;
  atomic {
    present = 1;
    if
    :: protect -> rw = 0; mark = 1
#ifdef MARKS
    :: else -> rw = 0; mark = 0
#else
    :: else -> rw = old_dirty; mark = 0
#endif
    fi
  }
  unlock();
  tlb[0] = 0;
  tlb[1] = 0;
#ifdef MARKS
  if
  :: protect -> skip /* wakes nobody */
  :: else -> wake()
  fi
#else
  wake()
#endif
}

inline wake() {
  d_step {
    if :: pending[0] || read[0] -> pending[0] = 0; read[0] = 0; waken[0] = 1 :: else fi;
    if :: pending[1] || read[1] -> pending[1] = 0; read[1] = 0; waken[1] = 1 :: else fi
  }
}

proctype writer(byte me) {
  bit may_retry, seen_present, seen_rw, waits;
store:
  may_retry = 1;
  if
  :: tlb[me] -> goto stored
  :: else
  fi;
  atomic {
    if
    :: present && rw -> dirty = 1; tlb[me] = 1; goto stored
    :: else
    fi
  }
fault:
  atomic { seen_present = present; seen_rw = rw }
  lock(me);
  if
  :: !seen_present || seen_present != present || seen_rw != rw || rw -> unlock(); goto store
  :: else
  fi;
  if
  :: !(ARMED) -> /* wp_page_reuse() */
     atomic { rw = 1; dirty = 1 };
     unlock();
     goto store
  :: else
  fi;
  unlock();
  /* handle_userfault() */
  assert(may_retry); /* else SIGBUS: FAULT_FLAG_ALLOW_RETRY missing 71 */
  waken[me] = 0;
  pending[me] = 1;
  waits = MUST_WAIT;
  if
  :: waits -> waken[me]
  :: else
  fi;
  d_step { pending[me] = 0; read[me] = 0 };
#ifndef MARKS
  may_retry = 0;
#endif
  goto fault;
stored:
  ended++
}

proctype protector() {
  bit old_dirty;
  writeprotect(2, 1)
}

proctype monitor() {
  bit old_dirty;
end:
  do
  :: ended == WRITERS -> break
  :: atomic { pending[0] -> pending[0] = 0; read[0] = 1 }; writeprotect(3, 0)
  :: atomic { pending[1] -> pending[1] = 0; read[1] = 1 }; writeprotect(3, 0)
  od
}

init { atomic { run writer(0); run writer(1); run protector(); run monitor() } }
