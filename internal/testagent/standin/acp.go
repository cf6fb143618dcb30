package standin

func (p *player) acp() int { return 2 }

func (p *player) codex() int { return 2 }
