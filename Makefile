# make demo      a clip turned into a watercolour, and more, in build/demo; INPUT=, PRESET= and SOURCE= for a clip of your own
# make test      the tests; test-engine, test-bridge, test-signals, test-torture, test-filter, test-processors, test-install, test-deb are parts of it
# make ffmpeg    the distribution's FFmpeg with the filter, in build/ffmpeg; FFMPEG_SRC=dir builds that source tree, whole
# make install   PREFIX=/usr/local, as ffmpeg-fatezero, or by its own name with SUFFIX=; make uninstall removes it
# make deb       a package that installs beside the distribution's ffmpeg, as ffmpeg-fatezero and mpv-fatezero
# make gpu       libtorch's CUDA build, once, for a machine with an NVIDIA card; some 3 GB are downloaded
# make evaluate  edits of held-out scenes against the true edits; GROUP=4 is a third of them, ABLATION=1 the paper's comparisons
# make films     films of 64 frames, edited window by window: do the windows show? ROWS="anchor mid ddim" ONLY="static pan-1-style"
# make bench     seconds and memory by phase; FULL=1 for the long list, REFERENCE=folder for the authors' code beside it,
#                BASE=commit for that commit's engine in turns with this one: ratios, processor time and calls through JNI,
#                HERE="steady=0 blend_pixels=0" to turn off what that commit has not
# make same      BASE=commit: the frames of some sixty edits are the same bytes as with that commit's engine
# make hosts     the filter's tests in FFmpeg 5.1 to 9.0, in one table; HOSTS="6.1" names others that Debian has
# make soak      window after window, WINDOWS=5000 or more: resident memory stays flat
# make torture   what nobody should do to the engine, the bridge and the filter, ten thousand times; CASES=100000 SEED=2 for others
# make pictures  the pictures beside the presets, made anew; picture-NAME makes one; make styles: those of README's sheet
# make clean     removes build/
# Each installs what it needs through apt-get first, and says what; a second run rebuilds nothing.

VERSION    = 0.1.0
PREFIX     = /usr/local
FFMPEG_SRC = build/ffmpeg-source
# the version of the distribution's libavfilter, and of one that could not be extended
VERSION_OF_DISTRIBUTION = $(shell dpkg-query -W -f '$${Version}' libavfilter-dev 2>/dev/null)
NOT_EXTENDED = build/not-extended
# set unless FFMPEG_SRC= is given: the distribution's libavfilter is extended and nothing else of FFmpeg is built, if that can be done.
# Expanded here, as ifdef expands nothing
OF_DISTRIBUTION := $(if $(and $(wildcard $(NOT_EXTENDED)),$(filter $(shell cat $(NOT_EXTENDED) 2>/dev/null),$(VERSION_OF_DISTRIBUTION))),,$(filter file,$(origin FFMPEG_SRC)))
INPUT      = tests/media/jeep.mp4
JOBS       = $(shell nproc)

# make splits names at blanks, and what begins with rm -rf must not: those at the ends go, others are refused
override PREFIX  := $(strip $(PREFIX))
override DESTDIR := $(strip $(DESTDIR))
no-blanks = $(if $(word 2,$($(1))),$(error $(1)="$($(1))" has a blank, which make cannot take; $(2)))
$(call no-blanks,CURDIR,use a clone in another folder)
$(call no-blanks,PREFIX,name another folder)
$(call no-blanks,DESTDIR,name another folder)
$(call no-blanks,INPUT,give the file another name or a link)

ROOT   = $(CURDIR)
FFMPEG = build/ffmpeg/bin/ffmpeg
# the engine's folder, beside libfatezero.so
HOME_DIR = build/ffmpeg/lib/fatezero

.PHONY: all help setup engine bridge ffmpeg demo test test-engine test-bridge test-signals test-install test-deb test-filter test-processors soak \
        test-torture torture hosts same base evaluate films styles test-pocket bench gpu deb install uninstall pictures clean
.DELETE_ON_ERROR:
# the parts run one after another; FFmpeg itself is built in parallel
.NOTPARALLEL:

all: ffmpeg

# the lines at the top of this file
help:
	@sed -n '/^#/!q; s/^# //p' $(firstword $(MAKEFILE_LIST))

# ---- what the build needs ----

# what FFmpeg is made with: the distribution's own, or a source tree that was named
WITH_DISTRIBUTION = ffmpeg libavfilter-dev glslang-dev libplacebo-dev libvidstab-dev patchelf
WITH_SOURCE       = libx264-dev zlib1g-dev
PACKAGES = gcc libc6-dev make dpkg-dev maven nasm pkg-config unzip xz-utils $(if $(OF_DISTRIBUTION),$(WITH_DISTRIBUTION),$(WITH_SOURCE))

# what tests need besides
test test-bridge test-signals test-filter hosts: PACKAGES += locales

# any Java compiler from 17 on will do; without one, the distribution's oldest such is installed
setup:
	@missing=; jdk=; \
	for p in $(PACKAGES); do \
	    dpkg-query -W -f '$${db:Status-Abbrev}' $$p 2>/dev/null | grep -q ^ii || missing="$$missing $$p"; \
	done; \
	java=$$(javac -version 2>&1 | sed -n 's/^javac \([0-9]*\).*/\1/p'); \
	if [ -n "$$missing" ] || [ "$${java:-0}" -lt 17 ]; then \
	    sudo=; [ "$$(id -u)" = 0 ] || sudo=sudo; \
	    $$sudo apt-get -qq update; \
	    [ "$${java:-0}" -ge 17 ] || for v in 25 21 17; do \
	        apt-cache show openjdk-$$v-jdk-headless >/dev/null 2>&1 && jdk=openjdk-$$v-jdk-headless; \
	    done; \
	    echo "installing:$$missing $$jdk"; \
	    DEBIAN_FRONTEND=noninteractive $$sudo apt-get -qq install -y --no-install-recommends $$missing $$jdk >/dev/null; \
	fi

# ---- the engine: jars and libtorch ----

ENGINE_JAR = build/engine/fatezero-engine.jar
ENGINE = $(addprefix $(HOME_DIR)/,fatezero-engine.jar pytorch/libdjl_torch.so tokenizers/libtokenizers.so jna/libjnidispatch.so \
         ffmpeg/libjniavcodec.so) build/ffmpeg/bin/fatezero
MACHINE = $(shell uname -m)

engine: setup
	@$(MAKE) --no-print-directory $(ENGINE)

$(ENGINE_JAR): pom.xml $(shell find java-engine presets -type f 2>/dev/null)
	@[ ! pom.xml -nt $@ ] || rm -rf $(@D)
	mvn -q -B package -Dmaven.test.skip=true
	@touch $@

# what lies in program/ is for the program alone
$(HOME_DIR)/fatezero-engine.jar: $(ENGINE_JAR)
	@rm -rf $(@D)/*.jar $(@D)/program
	@mkdir -p $(@D)/program
	cp build/engine/lib/*.jar $(@D)/
	cp build/engine/program/*.jar $(@D)/program/
	cp $(ENGINE_JAR) $@

$(HOME_DIR)/pytorch/libdjl_torch.so: pom.xml | $(ENGINE_JAR)
	@rm -rf $(@D) && mkdir -p $(@D)
	unzip -joq build/engine/natives/pytorch-native-*.jar 'pytorch/cpu/linux-$(MACHINE)/*' -d $(@D)
	unzip -joq build/engine/natives/pytorch-jni-*.jar 'jnilib/linux-$(MACHINE)/cpu/*' -d $(@D)
	@touch $@

$(HOME_DIR)/tokenizers/libtokenizers.so: pom.xml | $(ENGINE_JAR)
	@rm -rf $(@D) && mkdir -p $(@D)
	unzip -joq build/engine/lib/tokenizers-*.jar 'native/lib/linux-$(MACHINE)/cpu/*' -d $(@D)
	@touch $@

$(HOME_DIR)/jna/libjnidispatch.so: pom.xml | $(ENGINE_JAR)
	@rm -rf $(@D) && mkdir -p $(@D)
	unzip -joq build/engine/lib/jna-*.jar 'com/sun/jna/linux-$(subst _,-,$(MACHINE))/*' -d $(@D)
	@touch $@

# what reads videos for the program, and never a part of the FFmpeg that is built here
$(HOME_DIR)/ffmpeg/libjniavcodec.so: pom.xml | $(ENGINE_JAR)
	@rm -rf $(@D) && mkdir -p $(@D)
	unzip -joq build/engine/natives/javacpp-*.jar 'org/bytedeco/*/lib*.so*' -d $(@D)
	unzip -joq build/engine/natives/ffmpeg-*.jar 'org/bytedeco/*/lib*.so*' -x '*avdevice*' '*avfilter*' -d $(@D)
	@touch $@

# the program, which finds the engine by its own place
build/ffmpeg/bin/fatezero: java-engine/fatezero
	@mkdir -p $(@D)
	cp $< $@

# ---- libtorch for CUDA ----

# its Python package, of which only the libraries are kept, in their places: beside the CPU's build, which stays
GPU       = $(HOME_DIR)/pytorch-cuda
WHEELS    = build/wheels
TORCH     = $(shell sed -n 's|.*<torch.version>\(.*\)</torch.version>.*|\1|p' pom.xml)
DOWNLOAD  = python3 -m pip download -q --no-deps --only-binary=:all: --python-version 3.12 -d $(WHEELS)
UNNEEDED  = */libtorch_python.so */libtorch_global_deps.so */libshm.so

gpu: ffmpeg
	@$(MAKE) --no-print-directory $(GPU)/torch/lib/libdjl_torch.so

$(GPU)/torch/lib/libdjl_torch.so: pom.xml
	@[ $(MACHINE) = x86_64 ] || { echo "DJL has no CUDA build for $(MACHINE)"; exit 1; }
	@python3 -m pip --version >/dev/null 2>&1 || { sudo=; [ "$$(id -u)" = 0 ] || sudo=sudo; echo "installing: python3-pip"; \
	    $$sudo apt-get -qq update; DEBIAN_FRONTEND=noninteractive $$sudo apt-get -qq install -y --no-install-recommends python3-pip >/dev/null; }
	@echo "downloading torch $(TORCH) and the CUDA libraries that it names: some 3 GB, 6 GB on the disk"
	rm -rf $(GPU) $(WHEELS)
	$(DOWNLOAD) torch==$(TORCH)
	$(DOWNLOAD) $$(unzip -p $(WHEELS)/torch-*.whl '*/METADATA' | sed -n 's/^Requires-Dist: \(nvidia-[^;]*\);.*/\1/p')
	@mkdir -p $(GPU)
	for wheel in $(WHEELS)/*.whl; do \
	    unzip -oq $$wheel '*/lib/*.so*' -x $(foreach name,$(UNNEEDED),'$(name)') -d $(GPU) 2>/dev/null || [ $$? = 11 ] || exit 1; \
	done
	unzip -joq build/engine/natives/pytorch-jni-*.jar 'jnilib/linux-$(MACHINE)/cu128/*' -d $(@D)
	rm -rf $(WHEELS)
	@touch $@
	@ldconfig -p | grep -q libcuda.so.1 && echo "device=auto takes the card now" || echo "NVIDIA's driver is missing here: the CPU is used until it is installed"

# ---- another commit's engine, to compare with: make same BASE=commit, make bench BASE=commit ----

OTHER = build/base

same: BASE = HEAD
base: setup
	@rm -rf $(OTHER)
	@mkdir -p $(OTHER)/source $(OTHER)/engine
	git archive $(BASE) | tar -x -C $(OTHER)/source
	cd $(OTHER)/source && mvn -q -B package -Dmaven.test.skip=true
	cp $(OTHER)/source/build/engine/lib/*.jar $(OTHER)/source/build/engine/fatezero-engine.jar $(OTHER)/engine/
	ln -s $(foreach folder,pytorch tokenizers jna ffmpeg,$(ROOT)/$(HOME_DIR)/$(folder)) $(OTHER)/engine/

# the frames are the same bytes
same: ffmpeg base
	python3 tests/frames/frames.py $(OTHER)/engine > $(OTHER)/before
	python3 tests/frames/frames.py > $(OTHER)/after
	@diff $(OTHER)/before $(OTHER)/after && echo "$$(wc -l < $(OTHER)/after) frames are the same bytes as those of $(BASE)"

# ---- the bridge ----

JDK     = $(shell dirname $$(dirname $$(readlink -f $$(command -v javac))))
JNI_DIR = build/jni
LIB     = $(JNI_DIR)/libfatezero.so.0
CFLAGS  = -O2 -g -Wall -Wextra

bridge: setup
	@$(MAKE) --no-print-directory $(LIB) $(JNI_DIR)/fatezero.pc $(JNI_DIR)/example

# never unloaded: threads that it attached call back into it when they end
$(LIB) build/torture/libfatezero.so.0: $(wildcard jni/*.h) jni/fatezero.c jni/jvm.c jni/create.c jni/agents.c jni/exit.c
	@mkdir -p $(@D)
	$(CC) -std=c11 -D_POSIX_C_SOURCE=200809L $(CFLAGS) -fPIC -fvisibility=hidden -I$(JDK)/include -I$(JDK)/include/linux \
	    -shared -Wl,-soname,libfatezero.so.0 -Wl,-z,nodelete -Wl,-z,defs $(LDFLAGS) -o $@ $(filter %.c,$^) -ldl -lpthread
	ln -sf libfatezero.so.0 $(@D)/libfatezero.so

pc = sed 's|@prefix@|$(1)|; s|@libdir@|$(2)|; s|@includedir@|$(3)|; s|@version@|$(VERSION)|' jni/fatezero.pc.in

$(JNI_DIR)/fatezero.pc: jni/fatezero.pc.in Makefile
	@mkdir -p $(@D)
	$(call pc,$(ROOT),$(ROOT)/$(JNI_DIR),$(ROOT)/jni) > $@

$(JNI_DIR)/example: jni/example.c $(LIB)
	$(CC) $(CFLAGS) -Ijni -o $@ jni/example.c -L$(@D) -lfatezero -Wl,-rpath,'$$ORIGIN/../ffmpeg/lib:$$ORIGIN'

# ---- FFmpeg with the filter ----

FILTER = $(wildcard ffmpeg-filter/*.[ch])
OBJ    = build/$(if $(OF_DISTRIBUTION),libavfilter,ffmpeg)-objects
# with LD_LIBRARY_PATH=build/ffmpeg/host the distribution's own ffmpeg, mpv, ... of the same version use this libavfilter,
# and nothing else from here
HOST = build/ffmpeg/host
# what build/ffmpeg is of: another version of the distribution's, or another tree, is another FFmpeg
KIND = $(if $(OF_DISTRIBUTION),$(VERSION_OF_DISTRIBUTION),$(abspath $(FFMPEG_SRC)))

# and where: objects and what configure wrote hold the paths that they were made with
ffmpeg: setup
	@mkdir -p build
	@[ "$$(cat build/ffmpeg-kind 2>/dev/null)" = '$(KIND) in $(ROOT)' ] || { rm -f $(JNI_DIR)/fatezero.pc; rm -rf build/ffmpeg-objects build/libavfilter-objects \
	    $(if $(OF_DISTRIBUTION),build/ffmpeg-source) $(addprefix build/ffmpeg/,include share lib/pkgconfig lib/libav* lib/libsw* \
	    lib/libpostproc* bin/ffmpeg bin/ffprobe bin/ffplay); echo '$(KIND) in $(ROOT)' > build/ffmpeg-kind; }
	@$(MAKE) --no-print-directory $(FFMPEG) build/ffmpeg/lib/libfatezero.so.0 $(ENGINE)

build/ffmpeg-source/configure:
	@mkdir -p build
	ffmpeg-filter/get-source build/ffmpeg-source

ifdef OF_DISTRIBUTION
$(FFMPEG): $(FFMPEG_SRC)/configure $(FILTER) ffmpeg-filter/extend-libavfilter jni/fatezero.h | build/ffmpeg/lib/libfatezero.so.0
	ffmpeg-filter/add-to-tree $(FFMPEG_SRC)
	@rm -f $(NOT_EXTENDED)
	@JOBS=$(JOBS) ffmpeg-filter/extend-libavfilter $(FFMPEG_SRC) $(OBJ) build/ffmpeg || { [ $$? != 3 ] || exit 3; \
	    echo "the distribution's libavfilter cannot be extended: building all of FFmpeg from $(FFMPEG_SRC) instead, which takes minutes,"; \
	    echo "and remembering so; rm $(NOT_EXTENDED) has it tried again"; \
	    echo '$(KIND)' > $(NOT_EXTENDED); $(MAKE) --no-print-directory ffmpeg || { rm -f $(NOT_EXTENDED); exit 1; }; }
	@$(link-host)
	@touch $@
else
# configure leaves alone what it would write anew as it is, so the time of none of its files tells when it ran
$(OBJ)/configured: $(FFMPEG_SRC)/configure ffmpeg-filter/add-to-tree | $(LIB) $(JNI_DIR)/fatezero.pc
	ffmpeg-filter/add-to-tree $(FFMPEG_SRC)
	@mkdir -p $(@D)
	cd $(@D) && PKG_CONFIG_PATH=$(ROOT)/$(JNI_DIR) $(abspath $(FFMPEG_SRC))/configure --prefix=$(ROOT)/build/ffmpeg \
	    --enable-gpl --enable-libx264 --enable-libfatezero --enable-shared --disable-static --disable-doc --disable-debug \
	    $(FFMPEG_CONFIGURE) > configure.log || { tail -20 configure.log; exit 1; }
	@touch $@

# programs and libraries find each other by their place, wherever the folder lies
$(FFMPEG): export LD_RUN_PATH = $$ORIGIN/../lib
$(FFMPEG): $(OBJ)/configured $(FILTER) jni/fatezero.h | build/ffmpeg/lib/libfatezero.so.0
	ffmpeg-filter/add-to-tree $(FFMPEG_SRC)
	$(MAKE) -C $(OBJ) -s -j$(JOBS) all
	$(MAKE) -C $(OBJ) -s install-libs install-headers install-progs > /dev/null
	@{ find $(ROOT)/$(OBJ)/libavfilter -name '*.o' ! -name '*fatezero*'; echo -L$(ROOT)/build/ffmpeg/lib -lswscale; \
	    [ ! -e build/ffmpeg/lib/libpostproc.so ] || echo -lpostproc; echo -lavformat -lavcodec -lswresample -lavutil -lm -latomic; } > $(OBJ)/others
	@$(link-host)
	@touch $@
endif

define link-host
mkdir -p $(HOST); for lib in build/ffmpeg/lib/libavfilter.so.[0-9]*; do ln -sf ../lib/$${lib##*/} $(HOST)/; done
endef

# a new file, not new content: a process may be running on the old one
build/ffmpeg/lib/libfatezero.so.0: $(LIB)
	@mkdir -p $(@D)
	cp --remove-destination $< $@
	ln -sf $(@F) $(@D)/libfatezero.so

# ---- the demonstration ----

DEMO     = build/demo
ENCODE   = -c:v libx264 -crf 18 -pix_fmt yuv420p
# H.264 in 4:2:0 needs even sizes, whatever the input has
EVEN     = crop=trunc(iw/2)*2:trunc(ih/2)*2
edit     = $(FFMPEG) -hide_banner -nostdin -y -i $< -vf "fatezero=$(1),$(EVEN)" $(ENCODE) -c:a copy $@
# side by side
each     = $(foreach i,$(shell seq 0 $$(($(words $^) - 1))),$(subst N,$i,$(1)))
compare  = $(FFMPEG) -v warning -nostdin -y $(patsubst %,-i %,$^) -filter_complex \
    "$(call each,[N]$(EVEN)[cN];)$(call each,[cN])hstack=inputs=$(words $^)" $(ENCODE) $@

# the first edit is the line that README begins with; the others take fewer steps, so that they are soon there
ATTRIBUTE = preset=recolor:from=red:to=blue:steps=20
SHAPE     = preset=swap-object:from=jeep:to=porsche car:steps=20

.PHONY: announce FORCE
announce:
	@[ -f "$(INPUT)" ] || { echo "INPUT=$(INPUT): no such file"; exit 1; }
	@echo "make demo: 1. installs what is missing, through apt-get; 2. downloads the engine's libraries and builds it; 3. adds the filter"
	@echo "to the distribution's FFmpeg, in build/ffmpeg; 4. edits $(INPUT), to be seen in $(DEMO). Five minutes, the first time."

# what is edited and how: it changes with the words, and with another clip of the same name
$(DEMO)/%.words: FORCE
	@mkdir -p $(DEMO)
	@printf '%s\n' "$(abspath $(INPUT))" "$$SOURCE" "$$FROM" "$$TO" > $@.new; cmp -s $@.new $@ || cp $@.new $@; rm $@.new

ifdef PRESET
NAME = $(DEMO)/$(basename $(notdir $(INPUT)))
export SOURCE FROM TO
# a variable's text in the filter's arguments: its own marks are escaped for the filter, and then for the graph
escaped = $$(printf %s "$$$(1)" | sed "s/[\\\\':]/\\\\&/g; s/[][\\\\',;]/\\\\&/g")
EDIT = preset=$(PRESET)$(if $(SOURCE),:source=$(call escaped,SOURCE))$(if $(FROM),:from=$(call escaped,FROM):to=$(call escaped,TO))

demo: announce ffmpeg
	@$(MAKE) --no-print-directory $(NAME)-$(PRESET)-compare.mp4

$(NAME)-$(PRESET).mp4: $(INPUT) $(NAME)-$(PRESET).words $(ENGINE_JAR) | $(FFMPEG)
	$(call edit,$(EDIT))

$(NAME)-$(PRESET)-compare.mp4: $(INPUT) $(NAME)-$(PRESET).mp4
	$(compare)
else
demo: announce ffmpeg
	@[ -z "$(SOURCE)$(FROM)$(TO)" ] || { echo "SOURCE=, FROM= and TO= are for an edit of your own: name it with PRESET="; exit 1; }
	@$(MAKE) --no-print-directory $(DEMO)/compare.mp4
	@echo "side by side: $(DEMO)/compare.mp4. To edit your own: $(FFMPEG) -i in.mp4 -vf fatezero=preset=watercolor out.mp4"

$(DEMO)/input.mp4: $(INPUT) $(DEMO)/input.words
	@mkdir -p $(@D)
	cp $< $@

$(DEMO)/watercolor.mp4: $(DEMO)/input.mp4 $(ENGINE_JAR) | $(FFMPEG)
	$(FFMPEG) -hide_banner -nostdin -y -i $< -vf fatezero=preset=watercolor $@

$(DEMO)/attribute.mp4: $(DEMO)/input.mp4 $(ENGINE_JAR) | $(FFMPEG)
	$(call edit,$(ATTRIBUTE))

$(DEMO)/shape.mp4: $(DEMO)/input.mp4 $(ENGINE_JAR) | $(FFMPEG)
	$(call edit,$(SHAPE))

$(DEMO)/compare.mp4: $(DEMO)/input.mp4 $(DEMO)/watercolor.mp4 $(DEMO)/attribute.mp4 $(DEMO)/shape.mp4
	$(compare)
endif

# ---- the pictures beside the presets: frames of the source above, the same frames edited below ----

SOURCE_OF_PICTURES = a red jeep driving down a curvy road in the countryside
WORDS_recolor           = :from=red:to=blue
WORDS_swap-attribute    = :from=down a curvy road in the countryside:to=in the snow
WORDS_background        = :from=down a curvy road in the countryside:to=in the snow
WORDS_swap-object       = :from=jeep:to=porsche car
WORDS_object-and-place = :from=jeep|down a curvy road in the countryside:to=porsche car|in the snow
WORDS_colour-and-place = :from=red|down a curvy road in the countryside:to=blue|in the snow
WORDS_infusion          = :from=jeep:to=porsche car
# soft footage, to be made crisp
BEFORE_enhance          = scale=40:-1:flags=area,scale=256:-1:flags=bicubic,
WORDS_remove-object     = :from=jeep

pictures: ffmpeg
	for p in $(basename $(notdir $(wildcard presets/*.preset))) bare image show; do $(MAKE) --no-print-directory picture-$$p || exit 1; done

# the line that README begins with, as it stands, on clips of three subjects
BARE = jeep fox swan

picture-bare: $(BARE:%=build/demo/bare-%.png)
	$(FFMPEG) -v warning -nostdin -y $(^:%=-i %) -filter_complex hstack=$(words $^) -update 1 presets/bare.png

build/demo/bare-%.png: tests/media/%.mp4 | $(FFMPEG)
	@mkdir -p $(@D)
	$(FFMPEG) -v warning -nostdin -y -i $< -frames:v 1 -update 1 -filter_complex "trim=end_frame=8,split[a][b]; \
	    [a]fatezero=preset=watercolor[e];[b][e]vstack,select=not(mod(n\,7)),scale=160:-1,tile=2x1" $@

# a single picture, and three edits of it
picture-image:
	$(FFMPEG) -v warning -nostdin -y -i tests/media/jeep.mp4 -frames:v 1 -update 1 -filter_complex "trim=end_frame=1,split[a][b]; \
	    [a]fatezero=presets=watercolor|van-gogh|ukiyo-e:source=$(SOURCE_OF_PICTURES)[x][y][z];[b][x][y][z]hstack=4,scale=640:-1" \
	    presets/image.png

# an edit beside its source and its mask, and where a word looks
EDIT_SHOWN = preset=swap-object:source=$(SOURCE_OF_PICTURES)$(WORDS_swap-object)

picture-show:
	$(FFMPEG) -v warning -nostdin -y -i tests/media/jeep.mp4 -frames:v 1 -update 1 -filter_complex "trim=end_frame=8,split[a][b]; \
	    [a]fatezero=$(EDIT_SHOWN):show=compare[c];[b]fatezero=$(EDIT_SHOWN):show=attention=jeep[d];[c][d]hstack,scale=640:-1" \
	    presets/show.png

picture-%:
	$(FFMPEG) -v warning -nostdin -y -i tests/media/jeep.mp4 -frames:v 1 -update 1 -filter_complex "trim=end_frame=8,$(BEFORE_$*)split[a][b]; \
	    [a]fatezero=preset=$*:source=$(SOURCE_OF_PICTURES)$(WORDS_$*)[e];[b][e]vstack,select=not(mod(n\,2)),scale=160:-1,tile=4x1" \
	    presets/$*.png

# ---- tests ----

# an engine that only inverts colours, where the way to the engine is tested
STUB = build/stub/fatezero-stub.jar

# models are so small here that a second thread gains little, so two processes share the classes, with one thread each
test: ffmpeg test-bridge test-signals test-torture test-install test-deb test-processors
	OMP_NUM_THREADS=1 mvn -B -ntp test -Dtest.excludedGroups= -Dtest.forks=2

test-engine: engine
	mvn -B -ntp test

test-filter: ffmpeg test-signals $(STUB)
	mvn -B -ntp test -Dtest.groups=filter -Dtest.excludedGroups=

# what a processor's instructions and cores may decide, as if it were two others: with AVX2 alone and one thread, and with AVX-512
# but without its bfloat16, and three
PROCESSOR_TESTS = TorchTest,LayoutTest,GroupNormTest,UNetTest,!UNetTest\#manyFramesAreWhatEachIsAlone,VaeTest,TextEncoderTest,DdimInversionTest,PrecisionTest,HardwareTest

test-processors: engine
	OMP_NUM_THREADS=1 ONEDNN_MAX_CPU_ISA=AVX2 ATEN_CPU_CAPABILITY=avx2 MKL_ENABLE_INSTRUCTIONS=AVX2 \
	    mvn -B -ntp test -Dtest='$(PROCESSOR_TESTS)' -Dtest.forks=2
	OMP_NUM_THREADS=3 ONEDNN_MAX_CPU_ISA=AVX512_CORE ATEN_CPU_CAPABILITY=avx512 mvn -B -ntp test -Dtest='$(PROCESSOR_TESTS)'

WINDOWS = 5000

soak: ffmpeg
	mvn -B -ntp test -Dtest=filter.MemoryTest -Dtest.excludedGroups= -Dwindows=$(WINDOWS)

# ---- the filter's tests in other versions of FFmpeg ----

HOSTS = 5.1 7.1 8.1 9.0
# without what is the engine's, whatever the host: memory over hundreds of windows, files, and going on after a stop
HOST_TESTS = org.fatezero.filter.*Test$(foreach name,Memory PresetFiles RandomOptions Resume,,!org.fatezero.filter.$(name)Test)
HOST_PARTS = --disable-everything --disable-autodetect --enable-zlib --enable-indev=lavfi --enable-protocol=file,pipe \
    --enable-demuxer=mov,matroska,h264,image2,image2pipe,image_png_pipe,rawvideo --enable-parser=h264,png,aac \
    --enable-decoder=h264,png,aac,ffv1,rawvideo,wrapped_avframe,pcm_s16le,pcm_u8,pcm_f32le --enable-bsf=h264_mp4toannexb,aac_adtstoasc,extract_extradata \
    --enable-encoder=libx264,libx264rgb,png,aac,ffv1,rawvideo,wrapped_avframe,pcm_s16le \
    --enable-muxer=mp4,mov,matroska,h264,hls,mpegts,image2,image2pipe,framemd5,null,rawvideo \
    --enable-filter=fatezero,aformat,alphaextract,anull,aresample,color,concat,copy,crop,extractplanes,format,fps,geq,hstack,lutrgb,mandelbrot,metadata,negate,noise,null,nullsink \
    --enable-filter=pad,perms,psnr,scale,scdet,select,sendcmd,setfield,setparams,setpts,setsar,showinfo,sine,smptehdbars,split,testsrc,testsrc2,trim,vflip,vstack

# a small FFmpeg, linked into one program, with the libfatezero of build/ffmpeg
.PRECIOUS: build/hosts/%/source/configure build/hosts/%/configured
build/hosts/%/source/configure:
	@mkdir -p build/hosts/$*
	ffmpeg-filter/get-source build/hosts/$*/source $*

build/hosts/%/configured: build/hosts/%/source/configure ffmpeg-filter/add-to-tree | $(LIB) $(JNI_DIR)/fatezero.pc
	ffmpeg-filter/add-to-tree build/hosts/$*/source
	cd $(@D) && PKG_CONFIG_PATH=$(ROOT)/$(JNI_DIR) source/configure --enable-gpl --enable-libx264 --enable-libfatezero --disable-doc --disable-debug \
	    $(HOST_PARTS) > configure.log || { tail -20 configure.log; exit 1; }
	@touch $@

build/hosts/%/ffmpeg: export LD_RUN_PATH = $(ROOT)/build/ffmpeg/lib
build/hosts/%/ffmpeg: build/hosts/%/configured $(FILTER) jni/fatezero.h
	ffmpeg-filter/add-to-tree build/hosts/$*/source
	$(MAKE) -C $(@D) -s -j$(JOBS) all > build/hosts/$*/make.log 2>&1 || { tail -20 build/hosts/$*/make.log; exit 1; }

# one after another, so that what is done is done
hosts: PACKAGES += $(WITH_SOURCE)
hosts: ffmpeg $(STUB)
	@failures=0; \
	for host in $(HOSTS); do \
	    $(MAKE) --no-print-directory build/hosts/$$host/ffmpeg || exit 1; \
	    mvn -B -ntp test -Dtest='$(HOST_TESTS)' -Dtest.excludedGroups= -Dffmpeg.bin=$(ROOT)/build/hosts/$$host > build/hosts/$$host.log 2>&1; \
	    sed -nE 's/.*Tests run: ([0-9]+), Failures: ([0-9]+), Errors: ([0-9]+), Skipped: ([0-9]+)$$/\1 \2 \3 \4/p' build/hosts/$$host.log | tail -1 | \
	        { read -r run failed broken skipped && printf '| %s | %d | %d | %d |\n' $$(cat build/hosts/$$host/source/RELEASE) \
	            $$((run - failed - broken - skipped)) $$((failed + broken)) $$skipped > build/hosts/$$host.row && [ $$((failed + broken)) = 0 ]; } || \
	        { failures=1; echo "see build/hosts/$$host.log"; }; \
	done; \
	echo "| FFmpeg | passed | failed | skipped |"; cat $(HOSTS:%=build/hosts/%.row); exit $$failures

$(STUB): $(addprefix java-engine/src/org/fatezero/,io/Log.java engine/Host.java engine/NativeHost.java) tests/jni/stub/org/fatezero/engine/Engine.java
	@rm -rf $(@D)
	@mkdir -p $(@D)/classes
	javac --release 17 -Xlint:all -d $(@D)/classes $^
	jar cf $@ -C $(@D)/classes .

$(JNI_DIR)/bridge_test: tests/jni/bridge_test.c $(LIB)
	$(CC) $(CFLAGS) -Ijni -o $@ $< -L$(@D) -lfatezero -Wl,-rpath,'$$ORIGIN' -lpthread

$(JNI_DIR)/exit_test: tests/jni/exit_test.c $(LIB)
	$(CC) $(CFLAGS) -Ijni -o $@ $< -L$(@D) -lfatezero -Wl,-rpath,'$$ORIGIN' -lpthread -ldl

$(JNI_DIR)/late.so: tests/jni/late.c
	$(CC) $(CFLAGS) -fPIC -shared -o $@ $<

# hosts of the filter that FFmpeg's libraries make
$(JNI_DIR)/signals_test $(JNI_DIR)/graph_test: $(JNI_DIR)/%: tests/jni/%.c $(FFMPEG)
	$(CC) $(CFLAGS) -Ibuild/ffmpeg/include -o $@ $< -Lbuild/ffmpeg/lib -lavfilter -lavutil -Wl,-rpath,'$$ORIGIN/../ffmpeg/lib'

# once more with the virtual machine checking each call: it must have nothing to say
test-bridge: setup
	@$(MAKE) --no-print-directory $(JNI_DIR)/bridge_test $(JNI_DIR)/exit_test $(JNI_DIR)/late.so $(STUB)
	tests/jni/torch_test $(JNI_DIR)/bridge_test $(STUB)
	tests/jni/guest_test $(JNI_DIR)/bridge_test $(STUB)
	FATEZERO_HOME=build/stub $(JNI_DIR)/bridge_test 2> $(JNI_DIR)/test.log || { cat $(JNI_DIR)/test.log; exit 1; }
	FATEZERO_HOME=build/stub JAVA_TOOL_OPTIONS=-Xcheck:jni $(JNI_DIR)/bridge_test 2> $(JNI_DIR)/check.log && \
	    ! grep -A20 'in native method' $(JNI_DIR)/check.log || { cat $(JNI_DIR)/check.log; exit 1; }
	FATEZERO_HOME=build/stub $(JNI_DIR)/exit_test $(JNI_DIR)/late.so 2> $(JNI_DIR)/exit.log || { cat $(JNI_DIR)/exit.log; exit 1; }

test-signals: ffmpeg
	@$(MAKE) --no-print-directory $(JNI_DIR)/signals_test $(JNI_DIR)/graph_test $(STUB)
	FATEZERO_HOME=build/stub $(JNI_DIR)/signals_test 2> $(JNI_DIR)/signals.log || { cat $(JNI_DIR)/signals.log; exit 1; }
	localedef -c -i de_DE -f UTF-8 $(JNI_DIR)/de_DE.UTF-8 2> /dev/null || [ -e $(JNI_DIR)/de_DE.UTF-8/LC_NUMERIC ]
	FATEZERO_HOME=build/stub LOCPATH=$(JNI_DIR) $(JNI_DIR)/graph_test 2> $(JNI_DIR)/graph.log || { cat $(JNI_DIR)/graph.log; exit 1; }

test-install: ffmpeg
	tests/install_test
	tests/build_test

# ---- torture ----

# the bridge and the filter, built to notice what is wrong with memory, and a program that maltreats them
TORTURE  = build/torture
SANITIZE = -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined
AVFILTER = $(TORTURE)/$(notdir $(wildcard build/ffmpeg/lib/libavfilter.so.? build/ffmpeg/lib/libavfilter.so.??))
# Java handles SIGSEGV itself, and its memory is not for a sanitizer to judge
TORTURED = env LD_LIBRARY_PATH=$(ROOT)/$(TORTURE):$(ROOT)/build/ffmpeg/lib FATEZERO_HOME=$(ROOT)/build/stub UBSAN_OPTIONS=print_stacktrace=1 \
    ASAN_OPTIONS=handle_segv=0:allow_user_segv_handler=1:detect_leaks=0:use_sigaltstack=0
CASES    = 10000
# of each of four kinds
FILES    = 750
SEED     = 1
tortured = $(TORTURED) $(TORTURE)/torture $(1) 2> $(TORTURE)/log || { cat $(TORTURE)/log; exit 1; }

torture: test-torture
	$(call tortured,fuzz $(CASES) $(SEED))
	mvn -B -ntp test -Dtest='MutatedFilesTest,SingleFileTest,FailingOperationsTest,RandomOptionsTest' -Dtest.excludedGroups= -Dcases=$(FILES) -Dseed=$(SEED)

test-torture: ffmpeg $(STUB)
	@$(MAKE) --no-print-directory $(TORTURE)/torture
	$(call tortured,fuzz 1000 $(SEED))
	$(call tortured,faults)
	$(call tortured,starts)

$(TORTURE)/libfatezero.so.0: CFLAGS = $(SANITIZE) -Wall -Wextra

$(TORTURE)/%.o: ffmpeg-filter/%.c $(wildcard ffmpeg-filter/*.h) $(FFMPEG)
	@mkdir -p $(@D)
	$(CC) -std=c11 $(SANITIZE) -fPIC -w -DHAVE_AV_CONFIG_H -DBUILDING_avfilter -D_POSIX_C_SOURCE=200112 -D_XOPEN_SOURCE=600 -D_ISOC99_SOURCE \
	    -I$(OBJ) -I$(FFMPEG_SRC) -I$(FFMPEG_SRC)/libavfilter -Ijni -c -o $@ $<

$(AVFILTER): $(patsubst ffmpeg-filter/%.c,$(TORTURE)/%.o,$(wildcard ffmpeg-filter/*.c)) $(TORTURE)/libfatezero.so.0
	$(CC) $(SANITIZE) -shared -Wl,-soname,$(@F) -Wl,-Bsymbolic -Wl,--version-script,$(OBJ)/libavfilter/libavfilter.ver -o $@ $(filter %.o,$^) \
	    -L$(TORTURE) -l:libfatezero.so.0 @$(OBJ)/others -lpthread

$(TORTURE)/torture: tests/torture/torture.c tests/torture/faults.c tests/torture/faults.h $(AVFILTER)
	$(CC) -std=gnu11 $(SANITIZE) -Wall -Wextra -Ijni -Ibuild/ffmpeg/include -I$(JDK)/include -I$(JDK)/include/linux -o $@ \
	    tests/torture/torture.c tests/torture/faults.c $(AVFILTER) $(TORTURE)/libfatezero.so.0 -Lbuild/ffmpeg/lib -lavutil -ldl -lpthread \
	    -Wl,-rpath-link,build/ffmpeg/lib

# ---- the evaluation ----

# Python, here alone; PYTHON=... takes an interpreter that has what requirements.txt lists
VENV   = build/venv
PYTHON = $(VENV)/bin/python
GROUP  = 12
STEPS  = 50
LISTS  = $(foreach list,ABLATION INFUSION OUTPUT DETAIL STRENGTH SOLVER SPEED TUNE LEAKAGE AUTO,$(if $($(list)),--$(shell echo $(list) | tr A-Z a-z)))

evaluate: ffmpeg test-pocket
	PYTHONPATH=tests/pocket $(PYTHON) -m evaluate --group $(GROUP) --steps $(STEPS) $(LISTS) $(if $(VARIANTS),--variants $(VARIANTS)) \
	    $(if $(ONLY),--only $(ONLY)) $(if $(TRAINING),--training) $(if $(TRY),--try $(TRY)) $(if $(SIDE),--side $(SIDE))

ROWS = anchor mid

films: ffmpeg test-pocket
	PYTHONPATH=tests/pocket $(PYTHON) -m evaluate.films --steps $(STEPS) --rows $(ROWS) $(if $(ONLY),--only $(ONLY))

# a held-out clip in each style, above its edit and the true one
styles: ffmpeg test-pocket
	PYTHONPATH=tests/pocket $(PYTHON) -m evaluate.styles --steps $(STEPS)

# the split, the renderer, the measures
test-pocket: $(filter $(VENV)/%,$(PYTHON))
	cd tests/pocket && $(abspath $(PYTHON)) -m unittest -q

$(VENV)/bin/python: tests/pocket/requirements.txt
	@echo "making $(VENV) of tests/pocket/requirements.txt: some 3 GB are downloaded"
	@python3 -c 'import ensurepip' 2>/dev/null || { sudo=; [ "$$(id -u)" = 0 ] || sudo=sudo; \
	    echo "installing: python3-venv"; $$sudo apt-get -qq update; \
	    DEBIAN_FRONTEND=noninteractive $$sudo apt-get -qq install -y --no-install-recommends python3-venv >/dev/null; }
	python3 -m venv $(VENV)
	$(VENV)/bin/pip -q install -r $< || { rm -rf $(VENV); exit 1; }
	@touch $@

# ---- the bench ----

# the models are random but for pocket; the authors' code needs PYTHON= with what it imports (tests/golden/README.md)
BENCH_GPU = $(and $(wildcard $(GPU)/torch/lib/libdjl_torch.so),$(shell ldconfig -p | grep libcuda.so.1))
BENCH_ENV = PYTORCH_LIBRARY_PATH=$(ROOT)/$(if $(BENCH_GPU),$(GPU)/torch/lib,$(HOME_DIR)/pytorch) PYTORCH_FLAVOR=$(if $(BENCH_GPU),cu128,cpu) \
    RUST_LIBRARY_PATH=$(ROOT)/$(HOME_DIR)/tokenizers/libtokenizers.so OMP_WAIT_POLICY=passive GOMP_SPINCOUNT=$(call spins,.)
# how long threads wait before they sleep, as a commit's bridge sets it; 0 where it says nothing
spins = $(shell sed -n 's/.*setenv."GOMP_SPINCOUNT", "\([0-9]*\)".*/\1/p' $(1)/jni/jvm.c | grep . || echo 0)

bench: ffmpeg $(STUB) $(if $(BASE),base)
	mvn -q -B test-compile dependency:build-classpath -Dmdep.includeScope=test -Dmdep.outputFile=$(ROOT)/build/classpath
	$(BENCH_ENV) java -Djna.library.path=$(GPU)/nvidia/cuda_runtime/lib -cp "build/maven/classes:build/maven/test-classes:$$(cat build/classpath)" org.fatezero.bench.Bench \
	    $(if $(FULL),full) $(if $(BASE),base=$(OTHER)/engine spins=$(call spins,$(OTHER)/source) $(if $(HERE),here="$(HERE)")) $(if $(REFERENCE),reference=$(REFERENCE) python=$(PYTHON))

# ---- installation ----

# FFmpeg lies in a folder of its own, where neither ld.so nor pkg-config finds its libraries for others. Outside are links to it, beside the
# header, pkg-config's file and the presets; the distribution's ffmpeg stays the one that is meant by "ffmpeg" unless SUFFIX= is given.
SUFFIX  = -fatezero
TARGET  = $(DESTDIR)$(PREFIX)
PRIVATE = $(TARGET)/lib/fatezero
# a staged installation is not this system's
LDCONFIG = $(if $(DESTDIR),:,ldconfig 2>/dev/null || :)

install: ffmpeg
	@others=$$(find $(TARGET)/bin/ffmpeg$(SUFFIX) $(TARGET)/bin/ffprobe$(SUFFIX) -not -lname '../lib/fatezero/*' 2>/dev/null); \
	    [ -z "$$others" ] || { echo "not replaced, as it belongs to others:" $$others; exit 1; }
	@$(MAKE) --no-print-directory uninstall
	umask 022; mkdir -p $(PRIVATE) $(addprefix $(TARGET)/,bin include lib/pkgconfig share/fatezero)
	cp -a --no-preserve=ownership build/ffmpeg/. $(PRIVATE)/
	[ ! -d $(PRIVATE)/lib/pkgconfig ] || \
	    sed -i 's|$(ROOT)/build/ffmpeg|$(PREFIX)/lib/fatezero|; s|$(ROOT)/build/jni|$(PREFIX)/lib/fatezero/lib|' $(PRIVATE)/lib/pkgconfig/*.pc
	for name in ffmpeg ffprobe; do ln -s ../lib/fatezero/bin/$$name $(TARGET)/bin/$$name$(SUFFIX); done
	ln -sf ../lib/fatezero/bin/fatezero $(TARGET)/bin/
	ln -sf fatezero/lib/libfatezero.so fatezero/lib/libfatezero.so.0 $(TARGET)/lib/
	cp jni/fatezero.h $(TARGET)/include/
	$(call pc,$(PREFIX),$(PREFIX)/lib,$(PREFIX)/include) > $(TARGET)/lib/pkgconfig/fatezero.pc
	cp -a --no-preserve=ownership presets $(TARGET)/share/fatezero/
	chmod -R u=rwX,go=rX $(PRIVATE) $(addprefix $(TARGET)/,share/fatezero include/fatezero.h lib/pkgconfig/fatezero.pc)
	$(LDCONFIG)

uninstall:
	[ ! -d $(TARGET)/bin ] || find $(TARGET)/bin -lname '../lib/fatezero/bin/*' -delete
	rm -rf $(PRIVATE) $(TARGET)/share/fatezero
	rm -f $(addprefix $(TARGET)/,include/fatezero.h lib/libfatezero.so lib/libfatezero.so.0 lib/pkgconfig/fatezero.pc)
	[ ! -d $(TARGET)/lib/pkgconfig ] || rmdir --ignore-fail-on-non-empty $(TARGET)/lib/pkgconfig
	$(LDCONFIG)

# ---- a package of Debian's kind ----

DEB = build/fatezero_$(VERSION)_$(shell dpkg --print-architecture 2>/dev/null).deb

# with the distribution's FFmpeg alone: a package knows the libraries that it needs by theirs
deb: ffmpeg
	@[ -n "$(OF_DISTRIBUTION)" ] && [ ! -e $(NOT_EXTENDED) ] || \
	    { echo "make deb is for the distribution's FFmpeg, extended: without FFMPEG_SRC=, and with a libavfilter-dev that can be"; exit 1; }
	@rm -rf build/deb
	@$(MAKE) --no-print-directory -s install DESTDIR=$(ROOT)/build/deb PREFIX=/usr
	ffmpeg-filter/package/make-deb build/deb $(VERSION) $(DEB)
	@rm -rf build/deb
	@echo "sudo apt install ./$(DEB) installs ffmpeg-fatezero, ffprobe-fatezero, mpv-fatezero and fatezero"

test-deb: ffmpeg
	tests/deb_test

clean:
	rm -rf build
