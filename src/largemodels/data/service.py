"""Messages to a help desk, in English and in Chinese, that a person has written for the FAQ in :mod:`.faq`.

No package holds messages of real customers, so the author of the chapter on customer service wrote these, before any
method had been run on them. 72 sections were drawn at random by a seed; for each of them the author read title and
answer and wrote what somebody might send who has that problem and does not know the FAQ: symptoms, everyday words,
some typing errors. The 24 vague messages fit two to four sections, so that a person would ask back. The others have no
answer in the FAQ: 24 are of the trade (other systems, hardware, settings that it does not mention), 12 are about
something else. The Chinese message says the same as the English one as a Chinese customer might write it, and keeps
Latin letters only where that customer would. One author, and the same person judged which sections fit: a stand-in for
a log of real messages, not a sample of one.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

KINDS = {"a": "answerable", "v": "vague", "n": "near", "f": "far"}
DRAWN, SEED = 72, 17  # sections that have a message of their own, and how they were drawn from those of faq()

# Kind, and sections that answer it, the one it was written for first; English; after a bar, Chinese.
_MESSAGES = """
a s3.1,s3.1.5,s3.1.13
i run a small office and i just want something that doesnt fall over. which of the three flavours do
i take
| 我们小公司用，只求别出问题，三个版本里该装哪个？

a s3.1.3
Why is everything in here so ancient? My desktop is years behind what my friends have
| 为什么里面的东西都这么老？我的桌面比朋友的落后好几年

a s3.1.4,s3.1.11
Say I pick the wrong one now, am I stuck with it or could I go back to the calmer one later?
| 要是现在选错了，以后还能换回比较稳的那个吗？

a s3.1.6
A colleague says his install is "broken" at the moment but his computer starts fine, what is he on
about
| 同事说他的系统现在“坏了”，可是电脑明明能开机，这话什么意思？

a s3.1.8
I look after 40 machines alone. Which edition gives me the least upkeep?
| 我一个人管四十台机器，用哪个版本最省心？

a s3.1.9
Next one is coming out in summer, does the present one get a different label then? what moves where
| 夏天要出新的了，那现在这个会改叫什么？各个版本怎么往后挪？

a s3.1.12,s3.1.9
I put the word testing in my sources file. When the big day comes do I turn into the finished one or
keep rolling along
| 我的源文件里写的是 testing，正式发布那天我会变成正式版，还是继续跟着往前走？

a s3.1.13,s3.1,s3.1.5
ok too much text, my head is spinning. just tell me in one line what to put on this laptop
| 说了一大堆我头都晕了，一句话告诉我笔记本上装什么就行

a s3.2
Is Mint or Ubuntu the same thing as yours under another logo?
| Mint、Ubuntu 跟你们的是不是同一个东西换了个标志？

a s3.2.2
got ubuntu from a magazine and now the screen stays black after login, can i write to your people
about it?
| 我装的是杂志送的 Ubuntu，登录后黑屏，能找你们的人帮忙吗？

a kernels,morekernels
Can I have your system with something other than Linus's core underneath, like FreeBSD
| 底层能不能不用 Linux 的核心，换成 FreeBSD 之类的？

a otherdistribs
We bought an engineering program that is only certified for SuSE. Will it run on yours?
| 我们买了个工程软件，官方只说支持 SuSE，在你们的系统上能跑吗？

a otherunices
I've written C code on Solaris and on an old BSD box. How much will I have to rewrite to get it to
build here?
| 我有些在 Solaris 和老 BSD 上写的 C 代码，搬到这边编译要改很多吗？

a non-debian-programs
downloaded a tarball from a guys website, it is not in your store. where should I put it so it
doesnt make a mess
| 从别人网站下了个压缩包，你们的软件库里没有，该放到哪里才不会弄乱系统？

a contrib
I can program and I'd like to join the team officially. What are the steps?
| 我会编程，想正式加入你们的团队，要走什么流程？

a contribresources
Our university has a fat line and spare terabytes, could we host a copy of your archive for our
region
| 我们学校带宽大、硬盘也有富余，能替你们在本地放一份镜像吗？

a SPI,supportingorganizations
Who is the charity in the US that holds your money and name?
| 替你们管钱、管商标的那个美国非营利机构是谁？

a booting
What happens between pressing the power button and the login prompt, who starts all the services and
in which order
| 从按下电源到出现登录界面，中间是谁按什么顺序把各个服务启动起来的？

a altboot
I hate systemd and I dont like the old rc link farm either, anything else I can use to start up?
| 我讨厌 systemd，也不喜欢以前那一大堆 rc 链接，开机还有别的方案吗？

a interconffiles,divert
I want to ship one package of ours that drops our settings into the folders of apache and postfix.
Good idea?
| 我想自己打一个包，专门把我们的设置塞进 apache 和 postfix 的目录里，这样做好吗？

a localpackages,ownrepository
Built a .deb in house. How do I make it show up in the search list of the installer like all the
others
| 自己编了一个 deb，怎么让它跟别的软件一样出现在可安装的列表里？

a diverse,virtual
My wife wants one editor, I want another one. Can both be there, and which one opens when you just
type vi?
| 我老婆喜欢一个编辑器，我喜欢另一个，能一起装吗？敲 vi 到底打开哪个？

a dists
how many variants of this do you keep going at the same time? i saw something called experimental
too
| 你们同时维护几个版本啊？我还看到一个叫 experimental 的

a codenames
People keep throwing words like lenny and squeeze at me instead of a number, what's that about?
| 网上的人老说 lenny、squeeze 这些词，就是不说版本号，这是什么意思？

a sourceforcodenames
My daughter says buzz and woody are from a cartoon. Is she right, is that on purpose?
| 女儿说 buzz 和 woody 是动画片里的角色，真的吗？你们是故意这么起名的？

a sid,unstable
Who is Sid and will he ever get finished?
| Sid 是谁？它有没有正式发布的那一天？

a archsections
I'm looking at your server and under main there are folders like binary-i386 and one for source,
which one is for me
| 我在你们服务器上看到 main 下面有 binary-i386 之类的文件夹，还有 source，我该进哪个？

a source,sourcepkgs
The licence says I am entitled to the code of the programs. So where do I find it?
| 许可证上写我有权拿到程序的代码，那到底在哪儿能找到？

a incoming
a fix was uploaded an hour ago by the maintainer but my mirror doesn't have it yet. is there a place
where it waits?
| 维护者一小时前刚上传了修复，可镜像上还没有，它是不是在什么地方排队等着？

a updatestable
After it is declared finished, does it still get new features or do you only patch holes?
| 正式版出了以后还会加新功能吗，还是只补漏洞？

a cdimage-symlinks
I ordered the finished edition on disc and there is a folder on it called unstable!! Did they send
me the wrong disc?
| 我买的是正式版光盘，里面居然有个叫 unstable 的目录！是不是寄错盘了？

a remoteinstall,inst-disks
I have no DVD drive. Can a tiny boot image pull the rest down through my internet line
| 我没有光驱，能不能用一个很小的启动文件，剩下的从网上下载安装？

a non-debian-kernel,customkernel
Can I take the source straight from Linus and compile it without any of your special tools?
| 能不能直接拿 Linus 发布的源码自己编内核，不用你们的专门工具？

a customkernel
I need to compile my own kernel with one option turned on, what's your recommended way to get a
proper deb out of it?
| 我要打开一个选项重新编内核，按你们的办法怎么做出一个正规的 deb？

a morekernels,kernels
are you working on a port to the BSD core? heard there was one for amd
| 听说你们在移植到 BSD 内核上，有 amd64 的吗？

a package,deb-format
Your guide keeps saying package package package. What is in such a thing?
| 教程里老是“软件包、软件包”的，这东西里面到底装了什么？

a pkgname
the downloads have names a mile long with numbers and underscores and amd64 at the end, what does
all of that stand for
| 下载的文件名长得要命，一堆数字下划线，最后还有 amd64，都代表什么？

a conffile
I edited a file in /etc and I am afraid the next upgrade wipes out my changes. Will it?
| 我改过 /etc 里的一个文件，下次升级会不会把我的修改冲掉？

a virtual
the program says it needs "mail-transport-agent" but nothing with that name exists when I look for
it
| 程序说需要 mail-transport-agent，可我怎么搜都没有这个东西

a depends
why does one thing get pulled in automatically and another one is only proposed to me? and some
refuse to live together
| 装一个软件，为什么有的会自动一起装上，有的只是建议，还有的说不能共存？

a pre-depends
Some installs insist that another one is completely set up first, before they are even unpacked.
Which rule is that
| 有的软件还没解包就要求另一个先完全装好、配好，这是哪条规则？

a pkgstatus
in the list there's a letter in front of every line, i, r, p, h ... what did i supposedly ask for?
| 列表每行前面都有个字母，i、r、p、h 什么的，分别是什么意思？

a creatingdebs
I wrote a little tool and would like to give it to others in your format. Where do I learn how to
wrap it up?
| 我写了个小工具，想做成你们的安装格式给别人用，去哪儿学怎么打包？

a dpkg
I have a single .deb on a stick and no network. What do I type to put it on the machine, and to get
rid of it again
| U盘里有个 deb，机器没网，敲什么命令能装上，以后怎么卸掉？

a apt-get,apt
What does apt stand for and can I search for programs with it from the terminal?
| apt 是什么的缩写？能在终端里用它搜软件吗？

a tasksel
During setup I could tick "web server" or "desktop". How do I get that menu back now that it's all
installed?
| 安装时能勾选“网页服务器”“桌面”什么的，装完以后怎么再调出那个菜单？

a dpkg-deb,listfiles
I've got a deb file and want to look inside and take one file out of it without installing anything
| 有个 deb 文件，不想安装，只想看看里面有什么、取一个文件出来

a updaterunning
You replaced my web server while it was serving visitors and nobody noticed. How is that even
possible?
| 网站服务器正在被人访问，你们就给换成新的了，居然没人察觉，怎么做到的？

a whatpackages
I inherited this box from the previous admin. How do I get an overview of all the software that's on
it
| 这台机器是前任管理员留下的，怎么看上面都装了哪些软件？

a listfiles
I just installed something and have no idea where it went. Can I see everything it put on my disk?
| 刚装了个东西，不知道装到哪里去了，能看它在硬盘上放了哪些文件吗？

a filesearch
There is a strange file in /usr/bin. How do I find out where it came from?
| /usr/bin 里有个奇怪的文件，怎么查是谁装进来的？

a sellcds
Can I burn your system on discs and sell them at my market stall or do I owe you something
| 我能把你们的系统刻成光盘摆摊卖吗？要不要给你们交钱？

a packagednonfree
We'd like to put a closed driver on the same disc as your system. Are we allowed to?
| 我们想把一个不开源的驱动和你们的系统放在同一张盘里，可以吗？

a childistro,commercialdebs
We build cash registers. May we take your system as the base and put our till software on top?
| 我们做收银机的，可以拿你们的系统当底子，上面加我们自己的收银软件吗？

a softwareauthors
I love this image viewer, who made it? I'd like to thank them
| 这个看图软件太好用了，想谢谢作者，在哪儿能查到是谁写的？

a pkglist
Is there one long file with everything you offer, so that I can grep through it?
| 有没有一个总清单，把你们能装的软件全列出来，我想自己搜？

a missing
The program I need isn't in your collection. Do you keep a wish list?
| 我要的软件你们库里没有，有没有心愿单之类的可以提？

a nonenglish,i18n
My keyboard has umlauts and my letters come out as garbage. Do you support German?
| 键盘上有德语字母，打出来全是乱码，你们支持德语吗？

a flash
the kids old games are swf files and the browser won't play them, do you have something that opens
them
| 孩子的老游戏是 swf 格式，浏览器打不开，你们有能播放的软件吗？

a voip
I want to phone my parents over the internet for free, what can I install?
| 想用网络给爸妈打免费电话，装什么软件好？

a nonfreewireless
bought a cheap wifi stick, nothing happens when I plug it in. the box only has a windows cd :(
| 买了个便宜的无线网卡，插上没反应，盒子里只有 Windows 的光盘，怎么办

a debiandocs
Is there a proper manual? Something I can print and read in bed
| 有没有正经的说明书？最好能打印出来慢慢看

a onlineresources,s12.2.1,s12.2.2
Where do your users hang out on the net to talk things over?
| 你们的用户平时在网上哪里交流？

a s12.2.1
How do I sign up to get announcements in my mailbox, and how do I get off again
| 怎么订阅你们的通知邮件？不想收了又怎么退？

a s12.2.2
I don't like e-mail. Is there a site where I can post and wait for replies like on a message board?
| 不喜欢发邮件，有没有论坛那样可以发帖等人回复的网站？

a s12.2.5
does comp.os something still exist? I have a newsreader and a question about linux in general
| comp.os 那种老的新闻讨论区还在吗？我有个普通的 Linux 问题想去问

a bugreport
Your editor crashes every time I open a big file. How do I let the right person know?
| 你们的编辑器一打开大文件就崩溃，怎么反馈给负责的人？

a aptitude-upgrade,apt,howtocurrent
I have been told to use that full screen package thing in the terminal to bring the whole machine up
to the newest release. What goes into the sources first?
| 听说用终端里那个全屏的软件管理器可以把整机升到最新版，源要先怎么写？

a apt,aptitude-upgrade,howtocurrent
my updates come on disks because we have no internet in the workshop, which command reads those and
which one upgrades
| 车间没有网，更新都是刻盘送来的，用什么命令读盘、什么命令升级？

a savedebs
My drive is filling up with the stuff that was downloaded for installing. Can I throw it away?
| 硬盘被安装时下载的那些文件占满了，能删吗？

a keepingalog
something was upgraded last Tuesday and since then it doesn't work. Can I look up what changed and
when
| 上周二好像升级过什么，之后就不对劲了，能查到当时装了、删了什么吗？

a aptcacher
We have 30 PCs behind a slow line and each one fetches the same stuff. Can one of them fetch for
all?
| 三十台电脑共用一条慢网线，每台都下一样的东西，能不能只下一次大家用？

v howtocurrent,aptitude-upgrade,apt,s3.1.11
how do I upgrade
| 怎么升级？

v contrib,contribresources,supportingorganizations
I like what you do and I want to give something back
| 很喜欢你们做的东西，想出一份力

v version,isitdebian,s3.1.10
which version
| 是哪个版本？

v apt-get,non-debian-programs,sourcepkgs,dpkg
How do I install a program?
| 软件怎么装？

v removeoldkernel,datapackages,dpkg
want to get rid of some old stuff
| 想把一些旧的东西删掉

v customkernel,non-debian-kernel,removeoldkernel
I have a question about the kernel
| 想问一下内核的事

v onlineresources,s12.2.1,s12.2.2,s12.2.4
Who can I write to for help?
| 我该找谁帮忙？

v creatingdebs,sourcebuild,commercialdebs
How do I make a deb?
| deb 怎么做？

v cdrom,inst-disks,remoteinstall
I want the system, how do I get it on my computer
| 我想要这个系统，怎么弄到我电脑上？

v codenames,sourceforcodenames,oldcodenames
what's with the names
| 这些名字是怎么回事？

v booting,sysvinit,altboot
Something about start-up: I'd like to change how it works.
| 开机启动那块我想改一下

v conffile,divert,interconffiles
my own settings got overwritten!
| 我自己的设置被覆盖了！

v listfiles,filesearch,dpkg-deb
need to know which files
| 想知道是哪些文件

v nonenglish,i18n,consolefont
Does it speak my language?
| 支持我的语言吗？

v s3.1.3,updatestable,s3.1.2
the version I see is not the newest one
| 我看到的不是最新版

v difference,s3.1,dists
What's the difference between all of these?
| 这几个到底有什么区别？

v otherpackages,non-debian-programs,s3.2.1
Can I use packages from somewhere else
| 别处的软件包能用吗？

v debiandocs,searchtools,moreinfo
Where can I read more?
| 哪里有更多资料？

v sellcds,commercialdebs,childistro
We want to earn money with it, is that ok?
| 我们想拿它赚钱，可以吗？

v testing,frozen,s3.1.6
what is going on with testing
| testing 是怎么了？

v ownrepository,localpackages,aptcacher
I'd like to set up a server of my own for packages
| 想自己架一个放软件包的服务器

v depends,pre-depends,virtual
it says something about dependencies
| 它提示什么依赖

v arches,s3.1.1,nonfreewireless
Will it work with my hardware?
| 我的硬件能用吗？

v source,sourcepkgs,pools
looking for the sources
| 找源码

n
dnf says nothing provides libssl on my Fedora, how do I fix it
| 我的 Fedora 上 dnf 说找不到 libssl，怎么解决？

n
I forgot my root password and cannot log in any more
| 管理员密码忘了，登不进去

n
After installing Windows 11 next to it, the boot menu is gone
| 装完 Windows 11 以后启动菜单没了

n
the nvidia driver gives me a black screen
| 装了英伟达驱动就黑屏

n
How can I make the root partition bigger without losing my data?
| 怎么在不丢数据的情况下扩大根分区？

n
my printer is not found on the network
| 网络里找不到我的打印机

n
No sound from the HDMI port
| 接 HDMI 没有声音

n
ssh connection refused, port 22
| ssh 连接被拒绝，端口 22

n
MariaDB does not start after the power cut
| 停电以后 MariaDB 起不来了

n
Bluetooth headphones connect and drop again every minute
| 蓝牙耳机连上一分钟就断

n
How do I give my computer a fixed IP address
| 怎么设置固定 IP？

n
the clock is wrong by 8 hours every time i boot
| 每次开机时间都差八个小时

n
Which ports does the firewall block by default and how do I open 443?
| 防火墙默认挡哪些端口，443 怎么开？

n
pacman complains about the keyring on my Arch laptop
| 我的 Arch 上 pacman 报密钥环错误

n
Can you recommend a laptop that lasts ten hours on battery?
| 能推荐一款续航十小时的笔记本吗？

n
How do I install Docker and run a container
| Docker 怎么装，怎么跑一个容器？

n
my second monitor only shows 1024x768
| 第二个显示器只有 1024x768

n
VirtualBox guest won't go full screen
| VirtualBox 里的系统不能全屏

n
How much swap do I need for 16 GB of memory?
| 16G 内存要设多大的交换分区？

n
the fan of my server is very loud, can software slow it down
| 服务器风扇太吵，能用软件调慢吗？

n
How do I undelete a file I removed with rm?
| 用 rm 删掉的文件怎么恢复？

n
steam crashes when I start a game
| Steam 一开游戏就闪退

n
I need an account for a new employee, without admin rights
| 要给新员工开一个没有管理员权限的账号

n
How do I run a script every night at 2?
| 怎么让一个脚本每天夜里两点自动运行？

f
My parcel was due on Monday and has not arrived
| 包裹说周一到，到现在还没收到

f
I want my money back for the order from last week
| 上周那单我要退款

f
Please send me the invoice once more
| 发票麻烦再发我一份

f
how do I change my delivery address
| 收货地址怎么改？

f
You charged my card twice!
| 你们扣了我两次钱！

f
What are your opening hours on Sundays?
| 你们星期天几点开门？

f
The shoes are too small, can I swap them for a 42?
| 鞋子小了，能换 42 码吗？

f
Cancel my subscription please
| 请帮我取消会员订阅

f
The voucher code is not accepted at checkout
| 结账时优惠码用不了

f
Do you have a table for four tonight?
| 今晚还有四个人的位子吗？

f
I left my umbrella in your shop yesterday
| 昨天我把伞落在你们店里了

f
My flight was cancelled, who pays for the hotel?
| 航班取消了，酒店钱谁出？
"""


def service_messages() -> pd.DataFrame:
    """Messages to a help desk, one row each.

    Returns:
        columns ``kind`` ("answerable", "vague", "near" or "far"), ``fits`` (tuple of the keys of the sections of
        :func:`.faq.faq` that answer it, empty if none does), ``en`` and ``zh`` (the message in either language).
    """
    rows = []
    for entry in _MESSAGES.strip().split("\n\n"):
        head, *english, chinese = entry.splitlines()
        kind, _, keys = head.partition(" ")
        rows.append(
            {
                "kind": KINDS[kind],
                "fits": tuple(keys.split(",")) if keys else (),
                "en": " ".join(english),
                "zh": chinese.removeprefix("| "),
            }
        )
    return pd.DataFrame(rows)


def drawn(n_sections: int) -> list[int]:
    """The rows of :func:`.faq.faq` that have a message of their own, in order."""
    return sorted(np.random.default_rng(SEED).permutation(n_sections)[:DRAWN].tolist())
