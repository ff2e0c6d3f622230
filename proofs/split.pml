/*
 * A split ring goes to sleep and must be woken (SPLIT-DRV-SUPPLY-06, SPLIT-DRV-AVAILSUPP-05
 * to -07, SPLIT-DEV-AVAILSUPP-01 to -04, and with the roles changed round their twins for the
 * used ring; BUG-83). One end produces: publishes an index and asks whether the other
 * wants to hear of it. The other consumes: says that it wants to hear, and looks once more.
 *
 * Each processor keeps its stores in a buffer, from which they reach memory later and
 * in order (TSO; a weaker machine orders them with the release stores of barrier.h).
 * A fence waits until the buffer is empty.
 *
 *   FENCE_P, FENCE_C  the full fence of the producer, of the consumer
 *   MODE_FLAGS        notification by flags; else by event index (EVENT_IDX)
 *
 * With both fences everything is consumed in the end. With either missing Spin must
 * find the wake-up that is lost.
 */
#define N 5 /* buffers */
#define M 8 /* indices are modulo this, so that they wrap */

#define PASSED(event, now, before) \
    (((M + M + now - event - 1) % M) < ((M + now - before) % M))

byte idx = 0;             /* memory: what the producer publishes */
byte wish = 0;            /* memory: event index, or the flag "do not notify" */
bool has_p = false, has_c = false; /* the store buffers */
byte buf_p, buf_c;
byte kicks = 0, consumed = 0;

active proctype drain_p()
{
end:
    do
    :: atomic { has_p -> idx = buf_p; has_p = false }
    od
}

active proctype drain_c()
{
end:
    do
    :: atomic { has_c -> wish = buf_c; has_c = false }
    od
}

active proctype producer()
{
    byte n = 0, before, now = 0, seen;

    do
    :: n < N ->
        /* A batch of one or two. */
        before = now;
        now = (now + 1) % M;
        n++;
        if
        :: n < N -> now = (now + 1) % M; n++
        :: true
        fi;
        !has_p;
        atomic { buf_p = now; has_p = true };
#ifdef FENCE_P
        !has_p;
#endif
        seen = wish;
#ifdef MODE_FLAGS
        if
        :: seen == 0 -> kicks++
        :: else
        fi
#else
        if
        :: PASSED(seen, now, before) -> kicks++
        :: else
        fi
#endif
    :: else -> break
    od
}

active proctype consumer()
{
    byte last = 0, seen;

endsleep:
    do
    :: kicks > 0 ->
        kicks = 0;
again:
#ifdef MODE_FLAGS
        !has_c;
        atomic { buf_c = 1; has_c = true };
#endif
        do
        :: seen = idx;
            if
            :: seen != last -> last = (last + 1) % M; consumed++
            :: else -> break
            fi
        od;
        !has_c;
#ifdef MODE_FLAGS
        atomic { buf_c = 0; has_c = true };
#else
        atomic { buf_c = last; has_c = true };
#endif
#ifdef FENCE_C
        !has_c;
#endif
        seen = idx;
        if
        :: seen != last -> goto again
        :: else
        fi
    od
}

ltl done { <> (consumed == N) }
