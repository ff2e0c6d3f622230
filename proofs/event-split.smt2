; vq_event_passed (src/ring/split.h) against its meaning, for all 2^48 arguments:
; of the indices that the step from `before` to `now` goes over, one is `event`.
; SPLIT-DEV-USEDSUPP-05, -06, SPLIT-DRV-AVAILSUPP-06, -07
(set-logic QF_BV)
(declare-const event (_ BitVec 16))
(declare-const now (_ BitVec 16))
(declare-const before (_ BitVec 16))
(define-fun code () Bool
  (bvult (bvsub (bvsub now event) #x0001) (bvsub now before)))
; event lies in [before, now) on the circle of 2^16
(define-fun spec () Bool
  (ite (bvule before now)
    (and (bvule before event) (bvult event now))
    (or (bvuge event before) (bvult event now))))
(assert (not (= code spec)))
(check-sat)
