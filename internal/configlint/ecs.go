package configlint

import "slices"

const ecsType = "ecs"

// seekers look for names of OpenTelemetry and of the record contract, which behind ecs are
// ECS's: what becomes of that.
var seekers = map[string]string{
	"request_id": "gives requests new ids, since request.id is http.request.id by then",
	"event_fold": "folds nothing by request.id, which is http.request.id by then",
	"measure":    "finds no request.id and no log.category to count by",
	"kinesis":    "finds no request.id to divide records by",
	"worm_s3":    "finds no log.category and no request.id to index",
	"viewer":     "finds no request.id to put records together by",
}

// keepsRecords are the connectors behind which records are as they were before, in other
// pipelines.
var keepsRecords = append([]string{"measure"}, passing...)

// earlyECS finds what looks for names where ecs has changed them, in its pipeline and in
// those behind it.
func (k *checker) earlyECS() {
	behind := make(map[string]string) // pipelines, by the ecs that stands before all of them
	for changed := true; changed; {
		changed = false
		for _, p := range k.pipelines {
			ecs := k.ecsAtEnd(p, behind[p.id])
			for _, id := range p.exporters {
				if _, connects := k.components[kindConnector][id]; ecs == "" || !connects || !slices.Contains(keepsRecords, typeOf(id)) {
					continue
				}
				for _, to := range k.pipelines {
					if behind[to.id] == "" && to.signal == p.signal && slices.Contains(to.receivers, id) && k.leads(id, p, to) {
						behind[to.id], changed = ecs, true
					}
				}
			}
		}
	}
	for _, p := range k.pipelines {
		ecs := behind[p.id]
		for _, id := range p.processors {
			k.seeks(p, ecs, kindProcessor, id)
			ecs = k.ecsBehind(id, ecs)
		}
		for _, id := range p.exporters {
			kind := kindExporter
			if _, connects := k.components[kindConnector][id]; connects {
				kind = kindConnector
			}
			k.seeks(p, ecs, kind, id)
		}
	}
}

func (k *checker) seeks(p pipeline, ecs, kind, id string) {
	effect, seeks := seekers[typeOf(id)]
	if ecs == "" || !seeks {
		return
	}
	list, remedy := "exporters", "Feed it from a pipeline without "+ecs
	switch {
	case kind == kindProcessor:
		list, remedy = "processors", "Put "+ecs+" last, behind all that looks for names"
	case typeOf(id) == "kinesis" || typeOf(id) == "worm_s3":
		remedy += "; the encoding ecs_encoding makes documents in ECS there"
	}
	k.find(ruleEarlyECS, place{kind, id, []string{p.id}, []string{"service", "pipelines", p.id, list}},
		"ecs", ecs, "effect", effect, "remedy", remedy)
}

// ecsAtEnd is the ecs by which names are ECS's behind the pipeline's processors, with
// that before it.
func (k *checker) ecsAtEnd(p pipeline, before string) string {
	for _, id := range p.processors {
		before = k.ecsBehind(id, before)
	}
	return before
}

func (k *checker) ecsBehind(id, before string) string {
	if typeOf(id) != ecsType {
		return before
	}
	processor, _ := k.settings(kindProcessor, id)
	if processor.text("direction") == "from_ecs" {
		return ""
	}
	return id
}
