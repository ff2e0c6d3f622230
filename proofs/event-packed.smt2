; vq_packed_wanted in descriptor mode (src/ring/packed.h), for every size from 1 to
; 32768 and all positions: the step from `before` to `now`, at most one round, goes
; over the slot (with its wrap counter) that the other end named.
; Sixteen bits as integers, every operation of the code with its own wrap-around:
; as bit vectors the same formula takes z3 minutes.
(set-logic QF_LIA)
(declare-const size Int)
(declare-const event Int) ; slots
(declare-const now Int)
(declare-const before Int)
(declare-const event-wrap Bool)
(declare-const now-wrap Bool)
(declare-const before-wrap Bool)
(assert (and (<= 1 size) (<= size 32768)))
(assert (and (<= 0 event) (< event size)))
(assert (and (<= 0 now) (< now size)))
(assert (and (<= 0 before) (< before size)))

; uint16_t: the difference of two of them wraps at most once.
(define-fun sub16 ((a Int) (b Int)) Int (ite (< a b) (+ (- a b) 65536) (- a b)))

; The code. A position has the wrap counter in bit 15; vq_packed_distance counts the slots from
; one to `now`, and what it adds for another wrap counter is 0 in sixteen bits for the longest ring.
(define-fun position ((slot Int) (wrap Bool)) Int (ite wrap (+ slot 32768) slot))
(define-fun add16 ((a Int) (b Int)) Int (ite (>= (+ a b) 65536) (- (+ a b) 65536) (+ a b)))
(define-fun distance ((slot Int) (wrap Bool)) Int
  (let ((d (sub16 (position now now-wrap) (position slot wrap))))
    (ite (= wrap now-wrap) d (add16 d (ite (= size 32768) 0 (+ size 32768))))))
(define-fun code () Bool
  (< (sub16 (distance event event-wrap) 1) (distance before before-wrap)))

; The meaning: two rounds of the ring are one circle of 2 * size places.
(define-fun place ((slot Int) (wrap Bool)) Int (ite wrap slot (+ slot size)))
(define-fun after ((a Int) (b Int)) Int (ite (>= a b) (- a b) (- (+ a size size) b)))
(define-fun step () Int (after (place now now-wrap) (place before before-wrap)))
; At most one round from `before` to `now`: what publish makes visible.
(assert (<= step size))
(define-fun spec () Bool
  (< (after (place event event-wrap) (place before before-wrap)) step))
(assert (not (= code spec)))
(check-sat)
