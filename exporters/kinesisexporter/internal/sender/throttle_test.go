package sender

import "time"

const (
	shardBytes   = 1_000_000 // a second
	shardRecords = 1000
)

// bySecond is a shard that counts anew each second.
func bySecond(share func(time.Duration) float64) func(*modelShard, time.Duration, int) bool {
	return func(sh *modelShard, now time.Duration, size int) bool {
		if second := now.Truncate(time.Second); second != sh.second {
			sh.second, sh.used, sh.usedRec = second, 0, 0
		}
		if float64(sh.used+size) > shardBytes*share(now) || float64(sh.usedRec+1) > shardRecords*share(now) {
			return true
		}
		sh.used += size
		sh.usedRec++
		return false
	}
}

// byBucket is a shard with a bucket that is filled all the time and holds a second's.
func byBucket(share func(time.Duration) float64) func(*modelShard, time.Duration, int) bool {
	return func(sh *modelShard, now time.Duration, size int) bool {
		if sh.at == 0 {
			sh.level, sh.levelR = shardBytes, shardRecords
		}
		passed := (now - sh.at).Seconds()
		sh.at = now
		sh.level = min(shardBytes*share(now), sh.level+passed*shardBytes*share(now))
		sh.levelR = min(shardRecords*share(now), sh.levelR+passed*shardRecords*share(now))
		if sh.level < float64(size) || sh.levelR < 1 {
			return true
		}
		sh.level -= float64(size)
		sh.levelR--
		return false
	}
}
