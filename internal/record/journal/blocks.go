package journal

// Block is a run of events that lie within one block of the index.
type Block struct {
	From, To Position // the events after From, up to To
	Mask     Mask     // what occurs among them, as the index has it; every bit when it has not
}

// Blocks cuts the events after from, up to to, at the ends of blocks. Both must be positions known to
// be whole, as Locate and Head give them. No event is read or checked for it.
//
// A Reader need not have this: whoever wants it asks for an interface{ Blocks(…) }.
func (r *reader) Blocks(from, to Position) ([]Block, error) {
	defer r.using.RUnlock()
	if err := r.use(); err != nil {
		return nil, err
	}
	if from.Seq >= to.Seq {
		return nil, nil
	}
	v := r.view
	if err := v.refresh(to.Seq / BlockEvents); err != nil {
		return nil, err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	blocks := make([]Block, 0, (to.Seq-1)/BlockEvents-from.Seq/BlockEvents+1)
	for number := from.Seq / BlockEvents; from.Seq < to.Seq && number < uint64(len(v.blocks)); number++ {
		b := &v.blocks[number]
		end := Position{(number + 1) * BlockEvents, b.end}
		if end.Seq > to.Seq {
			end = to
		}
		blocks = append(blocks, Block{from, end, b.trustedMask()})
		from = end
	}
	if from.Seq < to.Seq {
		mask := MaskLogs | MaskOther
		if t := &v.tail; t.number == from.Seq/BlockEvents && t.at().Seq >= to.Seq {
			mask = t.trustedMask()
		}
		blocks = append(blocks, Block{from, to, mask})
	}
	return blocks, nil
}

// trustedMask is the entry's mask where every event of the block went into it.
func (e *entry) trustedMask() Mask {
	if e.irregular || e.lost > 0 {
		return MaskLogs | MaskOther
	}
	return e.mask
}
