package filetail

func (s *scanner) startPipe(entry) {}
